"""rollback(): one release further back each time, or to a given version."""

import importlib

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError

from mlplatform.errors import Conflict, NotReady
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Release
from registry.releases import history
from registry.releases.deletion import delete_version
from registry.releases.promotion import promote, retire, rollback
from tests.registry.releases.conftest import DELETE_2_THEN_VERIFY, ROLL_BACK_THEN_VERIFY, live, tamper

HISTORIES = {
    "one further back each time": ("1 2 3 4 < < < <", [1, 2, 3, 4, 3, 2, 1, "none"]),
    "from a new promotion to what was live before it": ("1 2 3 < < 4 < <", [1, 2, 3, 2, 1, 4, 1, "none"]),
    "from there past what a rollback has left": ("1 2 3 < 4 < <", [1, 2, 3, 2, 4, 2, 1]),
    "a version that was promoted twice": ("1 2 1 < <", [1, 2, 1, 2, 1]),
    "from a given version to the one before it": ("1 2 3 <3 <1 <", [1, 2, 3, "none", 1, "none"]),
    "forward only to a given version": ("1 2 3 < < <3 <", [1, 2, 3, 2, 1, 3, 2]),
    "past a deleted version": ("1 2 3 -2 <", [1, 2, 3, 3, 1]),
    "past a deleted version that a rollback restored": ("1 2 3 < < 4 -1 <", [1, 2, 3, 2, 1, 4, 4, "none"]),
    "past the live version": ("1 2 1 -2 <", [1, 2, 1, 1, "none"]),
    "after a retirement to what was retired": ("1 2 x < <", [1, 2, None, 2, 1]),
    "past a retirement": ("1 2 x 3 < <", [1, 2, None, 3, 2, 1]),
    "after a retirement past a deleted version": ("1 2 x -2 < <", [1, 2, None, None, 1, "none"]),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_rollback_goes(make_versions, admin, name):
    """A number promotes that version, `<` rolls back, `<1` to version 1, `x` retires, `-2` deletes version 2."""
    steps, expected = HISTORIES[name]
    versions = make_versions(4)
    dataset = versions[0].dataset

    def step(text: str) -> int | str | None:
        stage = {"stage": "staging", "by": admin}
        if text == "x":
            retire(dataset, **stage)
        elif text.startswith("-"):
            delete_version(ModelVersion.objects.get(number=text[1:]), by=admin)
        elif not text.startswith("<"):
            promote(ModelVersion.objects.get(number=text), **stage)
        else:
            try:
                rollback(dataset, **stage, to_version=int(text[1:]) if text[1:] else None)
            except Conflict:
                return "none"
        return live("staging")

    assert [step(text) for text in steps.split()] == expected


def test_rollback_makes_the_previous_version_live_again(two, admin):
    for version in two:
        promote(version, stage="production", by=admin)
    release = rollback(two[0].dataset, stage="production", by=admin, reason="errors")
    assert (live("production"), release.kind, release.comment) == (1, "rollback", "errors")
    assert release.pk > Release.objects.filter(model_version=two[1], stage="production").get().pk


def test_rollback_to_a_given_version_makes_it_live_again(make_versions, admin):
    versions = make_versions(3)
    for version in versions:
        promote(version, stage="staging", by=admin)
    rollback(versions[0].dataset, stage="staging", by=admin, to_version=1)
    assert live("staging") == 1


@pytest.mark.parametrize(
    ("to_version", "sentence"),
    [(None, "no earlier version of `flowers` in staging"), (1, "already live in staging"), (2, "never live")],
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


def test_rollback_to_a_deleted_version_says_that_it_was_deleted(two, admin):
    promote(two[0], stage="staging", by=admin)
    promote(two[1], stage="staging", by=admin)
    delete_version(two[0], by=admin)
    with pytest.raises(Conflict, match="Version 1 of `flowers` was deleted"):
        rollback(two[0].dataset, stage="staging", by=admin, to_version=1)


def test_rollback_is_a_conflict_if_it_would_replace_another_version_than_expected(two, admin):
    with pytest.raises(Conflict, match="Version 1 is no longer live in dev"):
        rollback(two[0].dataset, stage="dev", by=admin, expected_live=1)
    assert live("dev") == 2


def test_an_unknown_stage_is_rejected_by_name(two, admin):
    with pytest.raises(ValidationError, match="Unknown stage `prod`"):
        rollback(two[0].dataset, stage="prod", by=admin)


def test_rollback_goes_past_a_version_that_is_deleted_while_it_is_verified(make_versions, admin, settings):
    versions = make_versions(3)
    for version in versions:
        promote(version, stage="staging", by=admin)
    settings.VERIFY_ARTIFACT = DELETE_2_THEN_VERIFY
    assert rollback(versions[0].dataset, stage="staging", by=admin).number == 1


@pytest.fixture
def overtaken(make_versions, admin, settings):
    """The dataset of seven versions in staging, of which each rollback is overtaken by another one."""
    versions = make_versions(7)
    for version in versions:
        promote(version, stage="staging", by=admin)
    settings.VERIFY_ARTIFACT = ROLL_BACK_THEN_VERIFY
    return versions[0].dataset


def test_a_rollback_that_others_overtake_goes_back_from_where_they_went(overtaken, admin):
    assert rollback(overtaken, stage="staging", by=admin).number == 1


def test_a_rollback_that_others_overtake_for_too_long_can_be_repeated(overtaken):
    with pytest.raises(NotReady, match="Other releases of this dataset are being made") as caught:
        history.write_verified(
            overtaken, lambda: history.previous_release(overtaken, "staging"), pytest.fail, wait_s=0
        )
    assert caught.value.code == "busy"


def test_the_upgrade_finds_which_release_a_rollback_went_back_to(make_versions, admin):
    versions = make_versions(3)
    for version in versions[:2]:
        promote(version, stage="staging", by=admin)
    rollback(versions[0].dataset, stage="staging", by=admin)
    promote(versions[2], stage="staging", by=admin)
    expected = list(Release.objects.values("pk", "number", "restores", "ending"))
    Release.objects.update(number=0, restores=None, ending="")  # as releases were before
    migration = importlib.import_module("registry.migrations.0006_describe_existing_releases")
    migration.describe_existing_releases(apps, None)
    assert list(Release.objects.values("pk", "number", "restores", "ending")) == expected
