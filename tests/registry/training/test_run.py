"""train(): from a claimed job to a registered model version."""

import os
import shutil
from types import SimpleNamespace

from mlplatform import storage
from mlplatform.jobs.models import JobState
from registry import artifacts
from registry.jobs import attempt, submission
from registry.models import ModelVersion, Release, TrainingJob, VersionCounter
from registry.releases.deletion import delete_version
from registry.training import registration, run
from registry.training.request import TrainingRequest
from tests.conftest import LONELY


def test_a_training_registers_a_version_with_a_dev_release_and_an_artifact(make_version, admin):
    version = make_version(params={"max_depth": 2}, description="first try")
    assert (version.number, version.reached, version.trained_by) == (1, "dev", admin)
    assert version.model_file == "flowers_model_dev_v1.pkl"
    assert version.artifact_path.startswith("trained-models/flowers/")
    assert version.artifact_path.endswith("/flowers_model_dev_v1.pkl")
    assert version.parameters["max_depth"] == 2
    assert version.metrics["accuracy"] == 1.0
    assert Release.objects.live().get(stage="dev").model_version == version
    assert storage.models().size(version.release.key) == version.artifact_size


def test_a_version_keeps_its_dataset_version_its_request_and_its_libraries(make_version, make_dataset):
    source = make_dataset()
    version = make_version(source, test_size=0.25, random_state=7)
    assert version.dataset_version == source
    assert (version.target, version.features) == ("species", ["length", "width", "colour"])
    assert (version.test_size, version.random_state, version.rows_train, version.rows_test) == (
        0.25,
        7,
        18,
        6,
    )
    assert version.libraries["scikit-learn"] == artifacts.libraries()["scikit-learn"]


def test_a_version_without_its_chosen_metric_is_compared_by_the_usual_one(make_version):
    fields = {"module": "svm", "class_name": "LinearSVC", "primary_metric": "log_loss"}  # no probabilities
    version = make_version(**fields)
    assert (version.primary_metric, version.metrics.get("log_loss")) == ("", None)


def test_the_next_training_gets_the_next_number_and_replaces_the_release_in_dev(make_version, make_dataset):
    source = make_dataset()
    first, second = make_version(source), make_version(source)
    assert (first.number, second.number) == (1, 2)
    assert Release.objects.live().get(stage="dev").model_version == second
    assert not first.releases.get().is_live


def test_the_number_of_a_deleted_version_is_not_reused(make_version, make_dataset, admin):
    source = make_dataset()
    delete_version(make_version(source), by=admin)
    assert make_version(source).number == 2


def test_versions_are_numbered_per_dataset(make_version, make_dataset):
    assert make_version(make_dataset()).number == 1
    assert make_version(make_dataset("roses")).number == 1


def test_a_problem_outside_the_sample_fails_the_job_with_its_reason(make_job, make_dataset):
    job = make_job(make_dataset("lonely", LONELY))
    assert (job.state, job.error_code) == (JobState.FAILED, "rare_class")
    assert "only 1 row" in job.error
    assert job.finished_at
    assert not ModelVersion.objects.exists()


def test_a_store_that_fails_while_saving_leaves_no_version_and_no_gap(make_job, make_dataset, broken_storage):
    source = make_dataset()
    with broken_storage("trained-models"):
        job = make_job(source)
    assert (job.state, job.error_code) == (JobState.FAILED, "storage_unavailable")
    assert not ModelVersion.objects.exists()
    assert make_job(source).model_version.number == 1


def artifacts_on_disk() -> int:
    return sum(len(names) for _, _, names in os.walk(storage.models().location))


def test_a_full_disk_fails_a_training_at_once_and_leaves_no_artifact(make_job, make_dataset, full_disk):
    source, before = make_dataset(), artifacts_on_disk()
    full_disk("models")
    job = make_job(source)
    assert (job.state, job.error_code) == (JobState.FAILED, "disk_full")
    assert "not enough disk space" in job.error
    assert artifacts_on_disk() == before


def test_without_space_for_temporary_files_a_training_does_not_begin(make_job, make_dataset, monkeypatch):
    source = make_dataset()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=source.size_bytes - 1))
    assert make_job(source).error_code == "disk_full"


def test_a_superseded_attempt_registers_nothing(make_job, make_dataset):
    job = make_job(make_dataset())
    TrainingJob.objects.filter(pk=job.pk).update(state=JobState.RUNNING, attempt=2)
    job.attempt = 1
    before = ModelVersion.objects.count()
    attempt.run(job)
    job.refresh_from_db()
    assert (job.state, job.attempt, ModelVersion.objects.count()) == (JobState.RUNNING, 2, before)


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


def test_the_last_fit_does_not_keep_its_table(make_dataset):
    version = make_dataset()
    request = submission.resolve(version, request=TrainingRequest("tree", "DecisionTreeClassifier"))
    table = run.read(version, request=request)
    for is_last in (False, True):
        fitted = run.fit_table(table, request=request, progress=lambda stage, share: None, is_last=is_last)
        fitted.artifact.file.close()
        assert (table.frame is None) == is_last


def test_rows_without_a_target_are_reported_once(make_job):
    """The warning before the training says that they will be excluded, the one after it that they were."""
    job = make_job(target="colour")
    assert [warning["code"] for warning in job.warnings] == ["missing_target"]
    assert job.model_version.warnings == ["8 rows without a value in `colour` were excluded."]
