"""Trainings whose tables exceed the memory limit: in passes, or refused before they are queued, with a way out."""

import pytest
from django.core.exceptions import ValidationError

from catalog.models import DatasetVersion
from mlplatform.errors import NotReady
from mlplatform.jobs.models import JobState
from registry.jobs import evaluation, groups, limits, submission
from registry.jobs.learning_curves import computation
from registry.models import Evaluation
from registry.search.plan import GroupPlan
from registry.training import run
from registry.training.out_of_core import memory
from registry.training.request import TrainingRequest

SGD = TrainingRequest("linear_model", "SGDClassifier", {"max_iter": 5}, target="colour")
FOREST = {"module": "ensemble", "class": "RandomForestClassifier"}


@pytest.fixture
def tiny(settings, monkeypatch):
    settings.TRAIN_MEMORY_MB = 0.01  # the limit of the process is set by the worker, which tests do not run
    monkeypatch.setattr(memory, "PASSES_START_BYTES", 0)


@pytest.fixture
def version(tiny, make_job):
    return make_job(module="linear_model", class_name="SGDClassifier", target="colour").model_version


def refusal(source, request, admin) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        submission.submit(source, request=request, by=admin)
    return caught.value.message_dict


def test_a_training_that_fits_is_not_in_passes(make_job):
    job = make_job(module="linear_model", class_name="SGDClassifier", target="colour")
    assert "in_passes" not in job.request
    assert job.model_version.trained == ""


def test_a_training_in_passes_becomes_a_version_that_says_so(version, api):
    job = version.job
    assert (job.state, job.request["in_passes"]) == (JobState.SUCCEEDED, True)
    assert version.trained.startswith("In ")
    assert version.verification.engine != ""
    body = api.get(f"/models/flowers/{version.number}").json()
    assert body["trained"] == version.trained
    rows = {"features": [body["signature"]["example"]]}
    question = {"dataset_name": "flowers", "environment": "dev", "input_data": rows}
    assert len(api.post("/predict", question).json()["predictions"]) == 1


def test_the_pages_say_that_the_table_was_read_in_passes(version, page):
    assert version.trained in page.get(f"/registry/models/flowers/{version.number}/").text
    assert "read in passes" in page.get(f"/registry/jobs/{version.job_id}/").text


def test_its_held_out_rows_are_known(version):
    held_out = run.held_out(version, None)
    assert len(held_out.X) == version.rows_test


def test_its_diagnostics_can_be_computed_again(version, admin):
    job = evaluation.submit_repeated(version, Evaluation.Kind.DIAGNOSTICS, by=admin)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED


def test_it_has_no_learning_curve(version):
    with pytest.raises(ValidationError, match="would need the table in memory"):
        computation.check(version)


def test_an_algorithm_that_needs_all_rows_is_refused_with_three_that_do_not(tiny, make_dataset, admin):
    request = TrainingRequest("ensemble", "RandomForestClassifier", target="colour")
    [sentence] = refusal(make_dataset(), request, admin)["model"]
    assert sentence.startswith(
        "RandomForestClassifier cannot be trained on this table: it needs all rows at once, which takes about "
    )
    assert sentence.endswith("which read the table in passes, or select fewer columns.")
    assert sentence.count("Classifier") >= 3


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("cv", {"cv": 3}),
        ("refit", {"refit": True}),
        ("threshold", {"threshold": 0.4}),
        ("calibration", {"calibration": "sigmoid"}),
        ("model.params", {"params": {"early_stopping": True}}),
    ],
)
def test_what_is_not_possible_in_passes_is_refused_by_its_field(tiny, make_dataset, admin, field, options):
    fields = {"target": "colour"} | options
    request = TrainingRequest("linear_model", "SGDClassifier", **fields)
    [sentence] = refusal(make_dataset(), request, admin)[field]
    assert "so it would read its table in passes" in sentence


def test_the_api_refuses_with_the_field(tiny, make_dataset, api):
    make_dataset()
    body = {"dataset_name": "flowers", "model": FOREST, "target_column": "colour"}
    answer = api.post("/train", body)
    assert answer.status_code == 400
    assert "which read the table in passes" in answer.json()["fields"]["model"][0]


@pytest.mark.parametrize(
    ("field", "tried"),
    [("models", [FOREST, {"module": "linear_model", "class": "SGDClassifier"}]), ("auto", {})],
)
def test_groups_are_refused(tiny, make_dataset, admin, field, tried):
    plan = GroupPlan.from_dict({field: tried, "target_column": "colour"})
    with pytest.raises(ValidationError) as caught:
        groups.submit(make_dataset(), plan=plan, by=admin)
    assert "Train one algorithm that reads it in passes" in caught.value.message_dict[field][0]


def test_a_limit_below_what_passes_take_is_said_before_the_press(tiny, page, make_dataset, monkeypatch):
    monkeypatch.undo()
    make_dataset()
    text = page.get("/registry/train/?dataset=flowers&target=colour&algorithm=SGDClassifier").text
    assert "even in passes it takes about 400 MB of memory" in text
    assert "All other algorithms need all rows" not in text


def test_a_dataset_without_a_typed_copy_needs_one(tiny, make_dataset, admin):
    source = make_dataset()
    DatasetVersion.objects.update(table_key="")
    source.refresh_from_db()
    with pytest.raises(NotReady, match="typed_copies"):
        submission.submit(source, request=SGD, by=admin)


def test_a_version_is_retrained_as_its_table_fits_then(version, settings, admin):
    settings.TRAIN_MEMORY_MB = 4_000
    job = submission.retrain(version, by=admin)
    assert "in_passes" not in job.request


def test_the_estimates_of_trainings_in_memory_do_not_count_it(version):
    assert limits.expected_seconds("SGDClassifier", rows=24) is None
    assert limits.expected_seconds("SGDClassifier", rows=24, in_passes=True) is not None


def test_the_train_form_says_it_before_the_press(tiny, page, make_dataset):
    make_dataset()
    text = page.get("/registry/train/?dataset=flowers&target=colour&algorithm=SGDClassifier").text
    assert "so it is read in <strong>passes</strong>" in text
    assert "All other algorithms need all rows in memory at once." in text
    text = page.get("/registry/train/?dataset=flowers&target=colour&algorithm=RandomForestClassifier").text
    assert (
        "RandomForestClassifier</code> cannot be trained" in text or "cannot be trained on this table" in text
    )
