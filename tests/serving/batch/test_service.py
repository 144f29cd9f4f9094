"""Predicting whole files: in the request or as a job; cancelling and deleting jobs; their results."""

import io

import pandas
import pytest
from django.core.exceptions import PermissionDenied

from catalog.models import DatasetVersion
from mlplatform.errors import Conflict, NotFound, TooLarge, TooManyJobs
from mlplatform.idempotency import keys
from mlplatform.jobs import leases
from registry.releases.deletion import delete_version
from serving.batch import service
from serving.models import ScoringJob, result_name
from serving.prediction import predict
from tests.serving.batch.conftest import ROWS, TABLE, attempt_of, failing, now_of, stored


def test_a_job_predicts_the_same_as_a_request(ask, admin):
    job = ask(probabilities=True)
    assert (job.state, job.rows, job.rows_done, job.progress) == ("succeeded", 50, 50, 1)
    read = pandas.read_csv(io.BytesIO(service.result_file(job).open().read()))
    expected = predict("flowers", stage="dev", rows=ROWS, by=admin, probabilities=True)
    assert read["prediction"].tolist() == expected.predictions
    assert read[["probability_rose", "probability_tulip"]].to_numpy().tolist() == expected.probabilities
    assert job.result_name == "New Rows_predictions.csv"


@pytest.mark.parametrize("sent", ["rows.csv", "rows.CSV.gz", "rows"])
def test_the_result_is_named_after_the_file(sent):
    assert result_name(sent, "csv") == "rows_predictions.csv"


@pytest.mark.parametrize("sent", ["rows.tsv", "rows.TSV", "rows.tsv.gz", "rows.tsv.GZ", "rows.tsv.zst"])
def test_the_result_has_the_extension_of_the_file(sent):
    assert result_name(sent, "csv") == "rows_predictions.tsv"
    assert result_name(sent, "parquet") == "rows_predictions.parquet"
    assert result_name("rows.tab", "csv") == "rows_predictions.tab"


def test_a_job_counts_its_input_warnings(ask):
    assert ask().input_warnings == {"imputed": 12, "unseen_category": 12}


def test_the_input_is_deleted_when_the_job_has_finished(ask):
    job = ask()
    assert (job.input_key, stored()) == ("", ["result.csv"])
    assert job.result_size == len(service.result_file(job).open().read())


def test_the_version_is_the_one_that_was_live_when_the_job_was_submitted(
    queued, make_version, version, settings
):
    job = queued()
    settings.JOB_QUEUED_HOOK = "tests.jobs_at_once.run"
    make_version(version.dataset_version)
    attempt_of(job)
    assert (now_of(job).state, now_of(job).version) == ("succeeded", 1)


@pytest.mark.parametrize(
    ("name", "limit"), [("INLINE_SCORING_BYTES", len(TABLE) - 1), ("INLINE_SCORING_ROWS", 49)]
)
def test_files_above_the_limits_become_jobs(version, admin, settings, name, limit):
    def score():
        file = io.BytesIO(TABLE.encode())
        return service.score("flowers", stage="dev", file=file, filename="x.csv", by=admin)

    assert isinstance(score(), service.Scored)
    setattr(settings, name, limit)
    assert isinstance(score(), ScoringJob)


@pytest.mark.parametrize("limit", ["INLINE_SCORING_S", "INLINE_SCORING_RESULT_BYTES"])
def test_a_slow_prediction_or_a_large_result_becomes_a_job(version, admin, settings, limit):
    setattr(settings, limit, 0)
    file = io.BytesIO(b"length,width,colour\n" + b"5,1.5,red\n" * 2000)
    job = service.score("flowers", stage="dev", file=file, filename="x.csv", by=admin)
    job.refresh_from_db()
    assert (job.state, job.rows_done) == ("succeeded", 2000)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("length,width\n1,2\n", "Column `colour` is missing"),
        (TABLE + "long,1.5,red\n", "Row 51, column `length` must be a number."),
        (TABLE + "1,2\n", "Line 52"),
        ("length,width\n", "Column `colour` is missing"),
        ("length,width,Colour\n1,2,red\n", "Column `colour` is missing; there is a column `Colour`."),
        ('{"length": 1}\n', "CSV or a Parquet"),
    ],
)
def test_an_invalid_file_is_rejected_before_it_is_queued(ask, content, words):
    assert words in failing(lambda: ask(content)).messages[0]
    assert not ScoringJob.objects.exists()
    assert stored() == []


def test_an_invalid_row_after_the_first_batch_fails_the_job_and_stores_no_result(ask, settings):
    settings.SCORING_BATCH_ROWS = 7
    job = ask(TABLE + "long,1.5,red\n")
    assert (job.state, job.error) == ("failed", "Row 51, column `length` must be a number.")
    assert job.error_code == "invalid_input"
    assert stored() == []


def test_probabilities_that_the_model_does_not_support_are_rejected(make_version, admin):
    make_version(module="linear_model", class_name="Perceptron")
    file = io.BytesIO(TABLE.encode())
    expected = {"stage": "dev", "file": file, "filename": "x.csv", "by": admin, "probabilities": True}
    assert failing(lambda: service.score("flowers", **expected)).code == "no_probabilities"


def test_no_job_is_queued_while_the_store_is_unavailable(ask, broken_storage):
    with broken_storage("datasets"):
        assert failing(ask).code == "storage_unavailable"
    assert not ScoringJob.objects.exists()


def test_cancelling_a_queued_job_deletes_its_input(queued, admin):
    job = service.cancel(queued(), by=admin)
    assert (job.state, job.error) == ("cancelled", "Cancelled by ada.")
    assert stored() == []
    assert leases.claim(ScoringJob, worker="here:1") is None
    assert now_of(job).state == "cancelled"


def test_a_finished_job_cannot_be_cancelled_and_a_running_one_cannot_be_deleted(ask, running, admin):
    with pytest.raises(Conflict, match="has already finished"):
        service.cancel(ask(), by=admin)
    with pytest.raises(Conflict, match="Cancel it first"):
        service.delete(running(), by=admin)


def test_a_job_that_another_request_with_its_key_has_queued_leaves_no_input(ask, admin):
    job = ask()
    files = stored()
    row, _ = keys.claim(admin, key="k1", operation="POST /predict/file", fingerprint="")
    with keys.running(row):
        keys.attach(job)
        with pytest.raises(keys.AlreadyDone):
            ask()
    assert stored() == files


def test_a_job_that_was_deleted_in_the_meantime_is_not_found(ask, admin):
    job = ask()
    ScoringJob.objects.all().delete()
    with pytest.raises(NotFound, match="no scoring job"):
        service.delete(job, by=admin)


def test_deleting_a_job_deletes_its_result(ask, admin):
    service.delete(ask(), by=admin)
    assert not ScoringJob.objects.exists()
    assert stored() == []


def test_deleting_a_model_version_keeps_its_results(ask, version, admin):
    job = ask()
    delete_version(version, by=admin)
    assert now_of(job).model_version is None
    assert service.result_file(now_of(job)).open().read()


def test_only_a_job_that_succeeded_has_a_result(queued, admin):
    job = queued()
    with pytest.raises(Conflict, match="is still queued"):
        service.result_file(job).open()
    with pytest.raises(Conflict, match=r"has no result \(cancelled\)\. Cancelled by ada"):
        service.result_file(service.cancel(job, by=admin))


def test_only_the_requester_and_release_managers_can_cancel_and_delete_a_job(queued, make_user):
    own, other, manager = (make_user("viewer", username=name) for name in ("own", "other", "manager"))
    manager.groups.set(make_user("release manager", username="another").groups.all())
    job = queued(by=own)
    with pytest.raises(PermissionDenied, match="Only its requester"):
        service.cancel(job, by=other)
    service.cancel(job, by=own)
    with pytest.raises(PermissionDenied):
        service.delete(job, by=other)
    service.delete(job, by=manager)


def test_a_user_without_a_role_cannot_submit_a_job(ask, make_user):
    with pytest.raises(PermissionDenied):
        ask(by=make_user(None))


def test_inputs_and_results_count_against_the_quota_of_their_user(ask, queued, admin, settings):
    settings.USER_QUOTA_MB = 1
    assert ask().state == "succeeded"
    used = service.stored_bytes(admin)
    assert used == ScoringJob.objects.get().result_size
    job = queued()
    assert service.stored_bytes(admin) == used + job.input_size
    DatasetVersion.objects.update(size_bytes=1024**2 - used - job.input_size)
    with pytest.raises(TooLarge, match=r"use 1\.0 MB of 1 MB"):
        queued()
    attempt_of(job)
    assert (now_of(job).state, now_of(job).error_code) == ("failed", "quota_exceeded")


def test_the_queued_jobs_of_a_user_are_limited(queued, admin, settings):
    settings.MAX_QUEUED_JOBS = 1
    queued()
    with pytest.raises(TooManyJobs, match="You have 1 queued scoring jobs, which is the limit"):
        queued()
    assert len(stored()) == 1
