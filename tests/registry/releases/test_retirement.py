"""retire(): a stage serves nothing, and its history is kept."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from mlplatform.errors import Conflict, NotFound
from registry.models import ModelVersion, Release
from registry.releases.promotion import promote, retire
from tests.registry.releases.conftest import live


@pytest.fixture
def version(make_version, admin):
    version = make_version()
    promote(version, stage="production", by=admin)
    return version


def test_retirement_ends_the_live_release_and_keeps_it_with_the_reason(version, admin):
    release = retire(version.dataset, stage="production", by=admin, reason="no longer used")
    assert (live("production"), live("dev")) == (None, 1)
    assert (release.number, release.ending, release.ended_by) == (1, "retired", admin)
    assert Release.objects.get(stage="production").end_reason == "no longer used"
    retired = ModelVersion.objects.get(pk=version.pk)
    assert (retired.live_stages, retired.reached) == (["dev"], "production")


def test_the_second_retirement_says_when_the_stage_was_retired(version, admin):
    release = retire(version.dataset, stage="production", by=admin)
    with pytest.raises(Conflict, match=f"already retired from production on {release.ended_at:%Y-%m-%d}"):
        retire(version.dataset, stage="production", by=admin)


def test_a_stage_in_which_nothing_was_live_cannot_be_retired(version, admin):
    with pytest.raises(NotFound, match="No version of `flowers` is live in staging"):
        retire(version.dataset, stage="staging", by=admin)
    with pytest.raises(ValidationError, match="Unknown stage"):
        retire(version.dataset, stage="prod", by=admin)


def test_retirement_is_a_conflict_if_another_version_than_expected_is_live(version, admin):
    with pytest.raises(Conflict, match="Version 2 is no longer live"):
        retire(version.dataset, stage="production", by=admin, expected_live=2)
    assert live("production") == 1


def test_retirement_of_production_requires_a_release_manager(version, make_user):
    scientist = make_user("data scientist")
    with pytest.raises(PermissionDenied, match="release manager role"):
        retire(version.dataset, stage="production", by=scientist)
    retire(version.dataset, stage="dev", by=scientist)
    assert (live("dev"), live("production")) == (None, 1)
