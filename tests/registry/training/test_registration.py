"""The version numbers of trained models."""

from registry.models import VersionCounter
from registry.training import registration


def test_a_reserved_number_is_not_returned_if_a_later_one_is_reserved(make_version, make_dataset):
    source = make_dataset()
    first = registration.reserve_number(source.dataset)
    second = registration.reserve_number(source.dataset)
    registration.return_number(source.dataset, first)
    assert (first, second) == (1, 2)
    assert make_version(source).number == 3


def test_the_number_of_a_registered_version_is_not_returned(make_version, make_dataset):
    """As after a commit whose confirmation was lost with the connection."""
    version = make_version(make_dataset())
    registration.return_number(version.dataset, version.number)
    assert VersionCounter.objects.get().last == version.number


def test_rows_without_a_target_are_reported_once(make_job):
    """The warning before the training says that they will be excluded, the one after it that they were."""
    job = make_job(target="colour")
    assert [warning["code"] for warning in job.warnings] == ["missing_target"]
    assert job.model_version.warnings == ["8 rows without a value in `colour` were excluded."]
