"""Submitting, retrying and cancelling training jobs."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from mlplatform.errors import Conflict
from mlplatform.jobs.models import JobState
from registry.jobs import submission
from registry.jobs.submission import NeedsConfirmation, submit
from registry.models import ModelVersion, TrainingJob
from registry.training.request import TrainingRequest
from tests import jobs_at_once

TREE = {"module": "tree", "class_name": "DecisionTreeClassifier"}


@pytest.fixture
def queued(make_job, settings):
    """A job that no worker has claimed yet."""

    def make(**fields):
        settings.JOB_QUEUED_HOOK = ""
        return make_job(**fields)

    return make


def test_a_cancelled_job_never_runs(queued, admin):
    job = submission.cancel(queued(), by=admin)
    jobs_at_once.run(job)
    job.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.CANCELLED, 0)
    assert not ModelVersion.objects.exists()


def test_a_finished_job_cannot_be_cancelled(make_job, admin):
    with pytest.raises(Conflict, match="has already finished"):
        submission.cancel(make_job(), by=admin)


def test_viewers_cannot_cancel(queued, make_user):
    job = queued()
    with pytest.raises(PermissionDenied):
        submission.cancel(job, by=make_user("viewer"))


def test_a_finished_job_is_retried_as_a_new_job_with_the_same_request(make_job, admin):
    first = make_job(params={"max_depth": 2}, description="again", timeout_s=100)
    second = submission.retry(first, by=admin)
    second.refresh_from_db()
    assert second.pk != first.pk
    assert (second.request, second.timeout_s) == (first.request, 100)
    assert second.model_version.number == 2


def test_a_job_that_has_not_finished_cannot_be_retried(queued, admin):
    with pytest.raises(Conflict, match="has not finished yet"):
        submission.retry(queued(), by=admin)


def test_a_job_whose_dataset_was_deleted_cannot_be_retried(queued, admin):
    job = queued()
    TrainingJob.objects.update(state=JobState.FAILED, dataset_version=None)
    job.refresh_from_db()
    with pytest.raises(Conflict, match="was deleted"):
        submission.retry(job, by=admin)


def test_a_queued_job_whose_dataset_is_deleted_fails_with_that_reason(queued):
    job = queued()
    job.dataset_version.dataset.delete()
    jobs_at_once.run(job)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "deleted before the training began" in job.error


@pytest.mark.parametrize("seconds", [0, -1, 10**6])
def test_a_time_limit_outside_the_platforms_limit_is_rejected(make_dataset, admin, seconds):
    request = TrainingRequest("tree", "DecisionTreeClassifier", timeout_s=seconds)
    with pytest.raises(ValidationError, match="timeout_s must be"):
        submit(make_dataset(), request=request, by=admin)


def test_a_job_stores_the_request_with_its_defaults_filled_in(queued):
    job = queued()
    assert job.request == {
        "model": {"module": "tree", "class": "DecisionTreeClassifier", "params": {}},
        "target_column": "species",
        "features": ["length", "width", "colour"],
        "test_size": 0.2,
        "random_state": 42,
        "description": "",
        "prepare": {},
        "primary_metric": "accuracy",
        "threshold": None,
        "calibration": None,
        "split": {"method": "random"},
        "cv": None,
        "cv_repeats": 1,
        "sample_weight": None,
        "refit": False,
    }


def test_a_missing_target_is_chosen_by_the_column_names(make_version, make_dataset):
    table = "label,x,z\n" + "".join(f"{'ab'[i % 2]},{i},{i % 5}\n" for i in range(20))
    assert make_version(make_dataset("named", table)).target == "label"


def test_a_clusterer_gets_no_target_by_default(make_version, make_dataset):
    version = make_version(make_dataset(), module="cluster", class_name="KMeans", params={"n_clusters": 2})
    assert (version.target, version.task) == (None, "clustering")
    assert version.metrics["n_clusters"] == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"class_name": "DecisionTreeClasifier"}, "DecisionTreeClassifier"),
        ({"module": "ensemble"}, "tree"),
        ({"module": "os", "class_name": "system"}, "Unknown algorithm"),
        ({"params": {"max_dept": 3}}, "max_depth"),
        ({"params": {"max_depth": 0}}, "from 1 to 10000000"),
        ({"target": "specis"}, "species"),
        ({"target": None}, "needs a target"),
        ({"features": ["length", "colours"]}, "colour"),
        ({"features": ["species"]}, "target"),
        ({"test_size": 0}, "above 0"),
        ({"test_size": 1.0}, "below 1"),
        ({"random_state": -1}, "random state"),
        ({"class_name": "DecisionTreeRegressor"}, "numbers"),
    ],
)
def test_an_invalid_request_is_rejected_before_it_is_queued(make_dataset, admin, fields, sentence):
    source = make_dataset()
    with pytest.raises(ValidationError, match=sentence):
        submit(source, request=TrainingRequest(**(TREE | fields)), by=admin)
    assert not TrainingJob.objects.exists()


def test_viewers_cannot_train(make_dataset, make_user):
    with pytest.raises(PermissionDenied, match="data scientist role"):
        submit(make_dataset(), request=TrainingRequest(**TREE), by=make_user("viewer"))


def test_a_dataset_that_cannot_be_fitted_is_rejected_by_the_dry_run(make_dataset, admin):
    source = make_dataset("constant", "x,y\n" + "".join(f"{i},same\n" for i in range(20)))
    with pytest.raises(ValidationError, match="only one class"):
        submit(source, request=TrainingRequest(**TREE), by=admin)
    assert not TrainingJob.objects.exists()


def test_warnings_need_confirmation_unless_they_are_accepted(make_dataset, admin):
    source = make_dataset(
        "leaky", "a,b,y\n" + "".join(f"{i % 3},{'xz'[i % 2]},{'xz'[i % 2]}\n" for i in range(60))
    )
    with pytest.raises(NeedsConfirmation) as refusal:
        submit(source, request=TrainingRequest(**TREE), by=admin, accept_warnings=False)
    assert [warning["code"] for warning in refusal.value.warnings] == ["leak"]
    job = submit(source, request=TrainingRequest(**TREE), by=admin)
    assert job.warnings == refusal.value.warnings


def test_a_wrong_parameter_and_a_wrong_feature_are_reported_together(make_dataset, admin):
    request = TrainingRequest(
        "tree", "DecisionTreeClassifier", params={"max_depth": -1}, features=["nothing"]
    )
    with pytest.raises(ValidationError) as caught:
        submit(make_dataset(), request=request, by=admin)
    assert list(caught.value.error_dict) == ["model.params", "features"]
