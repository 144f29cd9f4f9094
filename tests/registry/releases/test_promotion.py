"""promote(): a version goes live in a higher stage, with a verified artifact."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from mlplatform import storage
from mlplatform.errors import Conflict, NotFound, NotReady
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Release
from registry.releases.deletion import delete_version
from registry.releases.history import NOTHING
from registry.releases.promotion import promotable_stages, promote, retire
from tests.registry.releases.conftest import DELETE_2_THEN_VERIFY, live, tamper


def test_promotion_changes_the_stage_and_copies_the_artifact(make_version, admin):
    version = make_version()
    before = version.release.key
    release = promote(version, stage="staging", by=admin, comment="looks good")
    assert (version.reached, version.name) == ("staging", "flowers_model_staging_v1")
    assert version.promoted_at
    assert (release.comment, release.released_by, release.kind) == ("looks good", admin, "promotion")
    assert release.key.endswith("/flowers_model_staging_v1.pkl")
    store = storage.models()
    assert store.open(before).read() == store.open(release.key).read()


def test_a_promoted_version_stays_live_in_the_lower_stage(make_version, admin):
    promote(make_version(), stage="staging", by=admin)
    assert (live("dev"), live("staging"), live("production")) == (1, 1, None)


def test_promotion_closes_the_previous_release(two, admin):
    promote(two[0], stage="staging", by=admin)
    promote(two[1], stage="staging", by=admin)
    assert live("staging") == 2
    closed = Release.objects.get(stage="staging", model_version=two[0])
    assert closed.ended_at == Release.objects.live().get(stage="staging").started_at


def test_promotion_can_skip_a_stage(make_version, admin):
    promote(make_version(), stage="production", by=admin)
    assert (live("staging"), live("production")) == (None, 1)


@pytest.mark.parametrize("stage", ["dev", "staging"])
def test_promotion_to_the_same_or_a_lower_stage_is_rejected(make_version, admin, stage):
    version = make_version()
    promote(version, stage="staging", by=admin)
    with pytest.raises(ValidationError, match="moves a version up"):
        promote(version, stage=stage, by=admin)


def test_an_unknown_stage_is_rejected_by_name(make_version, admin):
    with pytest.raises(ValidationError, match="Unknown stage `prod`"):
        promote(make_version(), stage="prod", by=admin)


def test_promotion_of_a_version_that_was_promoted_in_the_meantime_is_rejected_as_a_later_one_is(
    make_version, admin
):
    version = make_version()
    stale = ModelVersion.objects.get(pk=version.pk)
    promote(version, stage="staging", by=admin)
    before = storage.models().listdir("flowers")[0]
    with pytest.raises(ValidationError, match="already live in staging"):
        promote(stale, stage="staging", by=admin)
    left = [folder for folder in storage.models().listdir("flowers")[0] if folder not in before]
    assert [storage.models().listdir(f"flowers/{folder}")[1] for folder in left] == [[]] * len(left)


def test_promotion_verifies_the_copied_artifact(make_version, admin):
    version = make_version()
    tamper(version.release.key)
    with pytest.raises(ArtifactRefused, match="have changed since it was saved"):
        promote(version, stage="staging", by=admin)
    version.refresh_from_db()
    assert (version.reached, live("staging")) == ("dev", None)
    assert Release.objects.count() == 1


def test_promotion_without_an_object_store_changes_nothing(make_version, admin, broken_storage):
    version = make_version()
    with broken_storage("trained-models"), pytest.raises(NotReady):
        promote(version, stage="staging", by=admin)
    version.refresh_from_db()
    assert (version.reached, live("staging")) == ("dev", None)


def test_promotion_of_a_version_without_its_artifact_changes_nothing(make_version, admin):
    version = make_version()
    storage.models().delete(version.release.key)
    with pytest.raises(NotReady, match="missing"):
        promote(version, stage="staging", by=admin)
    assert live("staging") is None


def test_promotion_to_production_requires_a_release_manager(make_version, make_user):
    version = make_version()
    scientist = make_user("data scientist")
    promote(version, stage="staging", by=scientist)
    with pytest.raises(PermissionDenied, match="release manager role"):
        promote(version, stage="production", by=scientist)
    promote(version, stage="production", by=make_user("release manager"))


def test_a_version_that_was_replaced_is_promoted_again_with_the_same_artifact(two, admin):
    first = promote(two[0], stage="production", by=admin)
    promote(two[1], stage="production", by=admin)
    again = promote(ModelVersion.objects.get(pk=two[0].pk), stage="production", by=admin)
    assert live("production") == 1
    assert (again.kind, again.key) == ("promotion", first.key)
    assert again.pk > first.pk


def test_a_version_whose_artifact_in_the_stage_was_changed_is_promoted_again_with_a_new_copy(two, admin):
    first = promote(two[0], stage="staging", by=admin)
    promote(two[1], stage="staging", by=admin)
    tamper(first.key)
    again = promote(ModelVersion.objects.get(pk=two[0].pk), stage="staging", by=admin)
    assert live("staging") == 1
    assert again.key != first.key


def test_a_version_can_go_back_to_a_lower_stage_in_which_it_was_live(two, admin):
    for stage in ("staging", "production"):
        promote(two[0], stage=stage, by=admin)
    promote(two[1], stage="staging", by=admin)
    first = ModelVersion.objects.get(pk=two[0].pk)
    assert promotable_stages(first) == ["staging"]
    promote(first, stage="staging", by=admin)
    assert (live("staging"), first.reached, first.live_stages) == (1, "production", ["staging", "production"])


def test_a_version_is_not_promoted_to_dev(two, admin):
    with pytest.raises(ValidationError, match="Roll back dev to version 1"):
        promote(two[0], stage="dev", by=admin)


def test_a_retired_version_can_be_promoted_again(two, admin):
    promote(two[0], stage="staging", by=admin)
    retire(two[0].dataset, stage="staging", by=admin)
    promote(two[0], stage="staging", by=admin)
    assert live("staging") == 1


def test_promotion_is_a_conflict_if_it_would_replace_another_version_than_expected(two, admin):
    promote(two[0], stage="staging", by=admin)
    with pytest.raises(Conflict, match="Version 2 is no longer live in staging: version 1 is live there now"):
        promote(two[1], stage="staging", by=admin, expected_live=2)
    promote(two[1], stage="staging", by=admin, expected_live=1)
    assert live("staging") == 2


def test_promotion_is_a_conflict_if_a_version_went_live_where_nothing_was(two, admin):
    promote(two[0], stage="staging", by=admin)
    with pytest.raises(Conflict, match="Version 1 went live in staging in the meantime"):
        promote(two[1], stage="staging", by=admin, expected_live=NOTHING)
    promote(two[1], stage="production", by=admin, expected_live=NOTHING)
    assert (live("staging"), live("production")) == (1, 2)


def test_promotion_of_a_version_that_is_deleted_while_it_is_verified_says_so(make_versions, admin, settings):
    versions = make_versions(3)
    for version in versions:
        promote(version, stage="staging", by=admin)
    settings.VERIFY_ARTIFACT = DELETE_2_THEN_VERIFY
    with pytest.raises(NotFound, match="Model version 2 of `flowers` was deleted"):
        promote(ModelVersion.objects.get(number=2), stage="staging", by=admin)


def test_promotion_of_a_version_that_was_deleted_in_the_meantime_says_so(two, admin):
    stale = ModelVersion.objects.get(pk=two[0].pk)
    delete_version(two[0], by=admin)
    with pytest.raises(NotFound, match="Model version 1 of `flowers` was deleted"):
        promote(stale, stage="staging", by=admin)


@pytest.fixture
def another_target(make_dataset, make_version, admin):
    """Version 1 is live in production; version 2 predicts another column."""
    source = make_dataset()
    promote(make_version(source), stage="production", by=admin)
    return make_version(source, target="colour")


def test_a_version_that_breaks_requests_is_promoted_only_if_that_is_allowed(another_target, admin):
    with pytest.raises(
        Conflict, match="Predicts a class of `colour` instead of a class of `species`"
    ) as error:
        promote(another_target, stage="production", by=admin)
    assert (error.value.code, live("production")) == ("signature_change", 1)
    promote(another_target, stage="production", by=admin, allow_signature_change=True)
    assert live("production") == 2


def test_a_version_that_breaks_requests_is_promoted_where_nothing_is_live(another_target, admin):
    promote(another_target, stage="staging", by=admin)
    assert live("staging") == 2
