"""submit() and train(): from a request to a registered model version."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from mlplatform import storage
from registry import artifacts
from registry.jobs import attempt
from registry.jobs.submission import NeedsConfirmation, submit
from registry.models import JobState, ModelVersion, Release, TrainingJob
from registry.promotion import delete_version
from registry.training.request import TrainingRequest
from tests.conftest import LONELY

TREE = {"module": "tree", "class_name": "DecisionTreeClassifier"}


def test_a_training_makes_a_version_a_dev_release_and_an_artifact(make_version, admin):
    version = make_version(params={"max_depth": 2}, description="first try")
    assert (version.number, version.stage, version.trained_by) == (1, "dev", admin)
    assert version.model_file == "flowers_model_dev_v1.pkl"
    assert version.artifact_path.startswith("trained-models/flowers/")
    assert version.artifact_path.endswith("/flowers_model_dev_v1.pkl")
    assert version.parameters["max_depth"] == 2
    assert version.metrics["accuracy"] == 1.0
    assert Release.objects.live().get(stage="dev").model_version == version
    assert storage.models().size(version.release.key) == version.artifact_size


def test_a_version_remembers_what_it_was_trained_on_and_with(make_version, make_dataset):
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


def test_the_next_training_is_the_next_version_and_takes_over_dev(make_version, make_dataset):
    source = make_dataset()
    first, second = make_version(source), make_version(source)
    assert (first.number, second.number) == (1, 2)
    assert Release.objects.live().get(stage="dev").model_version == second
    assert not first.releases.get().is_live


def test_the_number_of_a_deleted_version_never_returns(make_version, make_dataset, admin):
    source = make_dataset()
    delete_version(make_version(source), by=admin)
    assert make_version(source).number == 2


def test_each_dataset_counts_its_own_versions(make_version, make_dataset):
    assert make_version(make_dataset()).number == 1
    assert make_version(make_dataset("roses")).number == 1


def test_the_target_left_out_is_told(make_version, make_dataset):
    table = "label,x,z\n" + "".join(f"{'ab'[i % 2]},{i},{i % 5}\n" for i in range(20))
    assert make_version(make_dataset("named", table)).target == "label"


def test_a_clusterer_takes_no_target_unless_one_is_plain(make_version, make_dataset):
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
        ({"params": {"max_depth": 0}}, "at least 1"),
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
def test_a_request_that_cannot_work_is_refused_before_it_is_queued(make_dataset, admin, fields, sentence):
    source = make_dataset()
    with pytest.raises(ValidationError, match=sentence):
        submit(source, request=TrainingRequest(**(TREE | fields)), by=admin)
    assert not TrainingJob.objects.exists()


def test_viewers_may_not_train(make_dataset, make_user):
    with pytest.raises(PermissionDenied, match="data scientist role"):
        submit(make_dataset(), request=TrainingRequest(**TREE), by=make_user("viewer"))


def test_a_table_that_cannot_be_learned_is_refused_by_the_dry_run(make_dataset, admin):
    source = make_dataset("constant", "x,y\n" + "".join(f"{i},same\n" for i in range(20)))
    with pytest.raises(ValidationError, match="only one class"):
        submit(source, request=TrainingRequest(**TREE), by=admin)
    assert not TrainingJob.objects.exists()


def test_what_only_the_whole_table_shows_ends_as_a_failed_job_with_a_sentence(make_job, make_dataset):
    job = make_job(make_dataset("lonely", LONELY))
    assert (job.state, job.error_code) == (JobState.FAILED, "rare_class")
    assert "only 1 row" in job.error
    assert job.finished_at
    assert not ModelVersion.objects.exists()


def test_warnings_are_asked_about_unless_they_are_accepted(make_dataset, admin):
    source = make_dataset(
        "leaky", "a,b,y\n" + "".join(f"{i % 3},{'xz'[i % 2]},{'xz'[i % 2]}\n" for i in range(60))
    )
    with pytest.raises(NeedsConfirmation) as doubt:
        submit(source, request=TrainingRequest(**TREE), by=admin, accept_warnings=False)
    assert [warning["code"] for warning in doubt.value.warnings] == ["leak"]
    job = submit(source, request=TrainingRequest(**TREE), by=admin)
    assert job.warnings == doubt.value.warnings


def test_a_store_that_fails_while_saving_leaves_no_version(make_job, make_dataset, broken_storage):
    source = make_dataset()
    with broken_storage("trained-models"):
        job = make_job(source)
    assert (job.state, job.error_code) == (JobState.FAILED, "storage_unavailable")
    assert not ModelVersion.objects.exists()
    assert make_job(source).model_version.number == 1


def test_a_superseded_attempt_registers_nothing(make_job, make_dataset):
    job = make_job(make_dataset())
    TrainingJob.objects.filter(pk=job.pk).update(state=JobState.RUNNING, attempt=2)
    job.attempt = 1
    before = ModelVersion.objects.count()
    attempt.run(job)
    job.refresh_from_db()
    assert (job.state, job.attempt, ModelVersion.objects.count()) == (JobState.RUNNING, 2, before)
