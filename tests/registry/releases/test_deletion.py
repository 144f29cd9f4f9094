"""delete_version(): what it removes, what it keeps, and what dev serves afterwards."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models.signals import post_delete

from catalog.imports.upload import delete_dataset
from mlplatform import storage
from mlplatform.errors import Conflict, NotFound
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Release
from registry.releases.deletion import delete_version, effect
from registry.releases.history import nothing_live
from registry.releases.promotion import promote, retire
from tests.registry.releases.conftest import live, tamper


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


def test_a_version_that_was_deleted_after_it_was_read_says_so(make_version, admin):
    version = ModelVersion.objects.get(pk=make_version().pk)
    delete_version(version, by=admin)
    with pytest.raises(NotFound, match=r"Model version 1 was deleted\."):
        version.release  # noqa: B018


def test_deletion_requires_a_release_manager(make_version, make_user):
    with pytest.raises(PermissionDenied):
        delete_version(make_version(), by=make_user("data scientist"))


def test_the_releases_of_a_deleted_version_stay_in_the_history(two, admin):
    promote(two[0], stage="staging", by=admin)
    promote(two[1], stage="staging", by=admin)
    delete_version(two[0], by=admin)
    release = Release.objects.get(stage="staging", number=1)
    assert (release.model_version, release.key, release.ending) == (None, "", "replaced")
    assert str(release) == "flowers version 1 in staging"
    with pytest.raises(NotFound, match="Model version 1 of `flowers` was deleted"):
        ModelVersion.objects.numbered("flowers", 1)


def test_dev_goes_back_to_the_release_before_that_of_the_deleted_version(two, admin):
    assert effect(two[1]) == "Version 2 is live in dev. After its deletion, dev serves version 1."
    delete_version(two[1], by=admin, expected_effect=effect(two[1]))
    assert live("dev") == 1
    assert Release.objects.live().get().comment == "Version 2 was deleted."


def test_dev_serves_nothing_after_the_deletion_of_its_only_version(make_version, admin):
    version = make_version()
    assert effect(version).endswith("dev serves nothing, until a model is trained.")
    assert delete_version(version, by=admin) is None
    assert (live("dev"), Release.objects.get().ending) == (None, "deleted")
    assert nothing_live(version.dataset, "dev").endswith("Train a model first.")


def test_deletion_is_a_conflict_if_its_effect_is_not_the_expected_one(two, admin):
    expected = effect(two[1])
    delete_version(two[0], by=admin)
    with pytest.raises(Conflict, match="went live in dev in the meantime"):
        delete_version(two[1], by=admin, expected_effect=expected)
    assert live("dev") == 2


def test_a_live_version_in_dev_is_not_deleted_if_the_artifact_of_the_one_before_was_changed(two, admin):
    tamper(two[0].release.key)
    with pytest.raises(ArtifactRefused):
        delete_version(two[1], by=admin)
    assert live("dev") == 2
    retire(two[1].dataset, stage="dev", by=admin)
    delete_version(two[1], by=admin)
    assert live("dev") is None


def test_after_retirement_the_versions_and_the_dataset_can_be_deleted(make_version, admin):
    version = make_version()
    promote(version, stage="production", by=admin)
    with pytest.raises(Conflict, match="Retire production"):
        delete_version(version, by=admin)
    retire(version.dataset, stage="production", by=admin)
    delete_version(version, by=admin)
    delete_dataset(version.dataset, by=admin)
    assert not Release.objects.exists()


def test_a_dataset_is_deleted_beside_web_processes_that_count_predictions(make_version, admin):
    version = make_version()
    delete_version(version, by=admin)
    counted = []

    def refuse(sender, instance, **options):
        """As the database does if usage of a release was added after the deletion had looked for it."""
        if not counted:
            counted.append(instance)
            raise IntegrityError("FOREIGN KEY constraint failed")

    post_delete.connect(refuse, sender=Release)
    try:
        delete_dataset(version.dataset, by=admin)
    finally:
        post_delete.disconnect(refuse, sender=Release)
    assert counted
    assert not Release.objects.exists()


def test_the_second_deletion_of_a_version_says_that_it_was_deleted(make_version, admin):
    version = make_version()
    stale = ModelVersion.objects.get(pk=version.pk)
    delete_version(version, by=admin)
    with pytest.raises(NotFound, match="was deleted"):
        delete_version(stale, by=admin)
