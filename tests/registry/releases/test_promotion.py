"""promote(), rollback() and delete_version(): the only writers of releases."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from mlplatform import storage
from mlplatform.errors import Conflict, NotReady
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Release
from registry.releases.promotion import delete_version, promote, rollback


def live(stage: str):
    release = Release.objects.live().filter(stage=stage).first()
    return release and release.model_version.number


@pytest.fixture
def two(make_version, make_dataset):
    source = make_dataset()
    return make_version(source), make_version(source)


def tamper(key: str, at: int = 100) -> None:
    path = storage.models().path(key)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def test_promotion_changes_the_stage_and_copies_the_artifact(make_version, admin):
    version = make_version()
    before = version.release.key
    release = promote(version, stage="staging", by=admin, comment="looks good")
    assert (version.stage, version.name) == ("staging", "flowers_model_staging_v1")
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
    with pytest.raises(ValidationError, match="is already in staging"):
        promote(stale, stage="staging", by=admin)
    left = [folder for folder in storage.models().listdir("flowers")[0] if folder not in before]
    assert [storage.models().listdir(f"flowers/{folder}")[1] for folder in left] == [[]] * len(left)


def test_promotion_verifies_the_copied_artifact(make_version, admin):
    version = make_version()
    tamper(version.release.key)
    with pytest.raises(ArtifactRefused, match="have changed since it was saved"):
        promote(version, stage="staging", by=admin)
    version.refresh_from_db()
    assert (version.stage, live("staging")) == ("dev", None)
    assert Release.objects.count() == 1


def test_promotion_without_an_object_store_changes_nothing(make_version, admin, broken_storage):
    version = make_version()
    with broken_storage("trained-models"), pytest.raises(NotReady):
        promote(version, stage="staging", by=admin)
    version.refresh_from_db()
    assert (version.stage, live("staging")) == ("dev", None)


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


def test_rollback_makes_the_previous_version_live_again(two, admin):
    for version in two:
        promote(version, stage="production", by=admin)
    release = rollback(two[0].dataset, stage="production", by=admin, reason="errors")
    assert (live("production"), release.kind, release.comment) == (1, "rollback", "errors")
    assert release.pk > Release.objects.filter(model_version=two[1], stage="production").get().pk


def test_rollback_to_a_given_version_makes_it_live_again(two, make_version, admin):
    third = make_version(two[0].dataset_version)
    for version in (*two, third):
        promote(version, stage="staging", by=admin)
    rollback(third.dataset, stage="staging", by=admin, to_version=1)
    assert live("staging") == 1


@pytest.mark.parametrize(
    ("to_version", "sentence"),
    [(None, "No other version"), (1, "already live in staging"), (2, "never live")],
)
def test_rollback_without_an_earlier_release_is_a_conflict(two, admin, to_version, sentence):
    promote(two[0], stage="staging", by=admin)
    with pytest.raises(Conflict, match=sentence):
        rollback(two[0].dataset, stage="staging", by=admin, to_version=to_version)


def test_rollback_verifies_the_artifact(two, admin):
    first = promote(two[0], stage="staging", by=admin)
    promote(two[1], stage="staging", by=admin)
    tamper(first.key)
    with pytest.raises(ArtifactRefused):
        rollback(two[0].dataset, stage="staging", by=admin)
    assert live("staging") == 2


def test_a_version_that_is_live_in_staging_cannot_be_deleted(make_version, admin):
    version = make_version()
    promote(version, stage="staging", by=admin)
    with pytest.raises(Conflict, match="live in staging"):
        delete_version(version, by=admin)


def test_deletion_removes_the_artifacts_of_the_version(two, admin):
    keys = [promote(version, stage="staging", by=admin).key for version in two]
    delete_version(two[0], by=admin)
    assert not storage.models().exists(keys[0])
    assert storage.models().exists(keys[1])
    assert list(ModelVersion.objects.values_list("number", flat=True)) == [2]
    assert live("staging") == 2


def test_deletion_requires_a_release_manager(make_version, make_user):
    with pytest.raises(PermissionDenied):
        delete_version(make_version(), by=make_user("data scientist"))
