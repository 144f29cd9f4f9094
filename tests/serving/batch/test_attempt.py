"""One attempt of a scoring job."""

import pytest
from django.db import OperationalError, connection
from prometheus_client import REGISTRY

from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Aborted, Attempt, Superseded
from mlplatform.jobs.models import JobState
from serving.batch import attempt, scorer, service
from serving.models import ScoringJob
from tests.serving.batch.conftest import TABLE, attempt_of, now_of, stored


def test_a_stopping_scorer_hands_its_job_back_without_counting_the_attempt(queued, settings):
    settings.SCORING_BATCH_ROWS = 7
    job = queued()
    checks = iter([False, True])
    attempt_of(job, is_stopping=lambda: next(checks))
    back = now_of(job)
    assert (back.state, back.attempt, back.rows_done) == ("queued", 0, 0)
    assert stored() == ["input.csv"]


def test_a_running_job_shows_its_progress(running):
    job = running()
    attempt.Progress(Attempt(job))(scorer.Totals(20, {"imputed": 3}))
    current = now_of(job)
    assert (current.rows_done, current.progress, current.input_warnings) == (20, 0.4, {"imputed": 3})


def test_cancelling_a_running_job_interrupts_it(running, admin):
    job = running()
    assert service.cancel(job, by=admin).state == "running"
    with pytest.raises(Aborted, match="Cancelled by ada"):
        attempt.Progress(Attempt(job))(scorer.Totals(20, {}))


def test_a_superseded_attempt_stops_and_changes_nothing(running):
    job = running()
    ScoringJob.objects.update(attempt=2)
    with pytest.raises(Superseded):
        attempt.Progress(Attempt(job))(scorer.Totals(20, {}))
    with pytest.raises(Superseded):
        attempt._succeed(Attempt(job), scorer.Totals(50, {}), key="a/b", size=1)
    assert (now_of(job).state, now_of(job).result_key) == ("running", "")


def test_a_superseded_attempt_that_fails_keeps_the_input_for_the_next(queued, settings):
    class LosesItsJob(Attempt):
        def check(self):
            ScoringJob.objects.update(state=JobState.QUEUED)

    settings.SCORING_BATCH_ROWS = 7
    job = queued(TABLE + "long,1.5,red\n")
    attempt_of(job, LosesItsJob)
    assert (now_of(job).state, now_of(job).input_key) == ("queued", job.input_key)
    assert stored() == ["input.csv"]


def test_a_job_that_is_cancelled_after_its_last_row_has_no_result(queued, admin):
    class IsCancelled(Attempt):
        def report(self, **fields):
            service.cancel(now_of(self.job), by=admin)

    job = queued()
    attempt_of(job, IsCancelled)
    assert (now_of(job).state, now_of(job).error) == ("cancelled", "Cancelled by ada.")
    assert stored() == []


def test_recording_a_success_is_idempotent(running):
    job = running()
    for _ in range(2):
        attempt._succeed(Attempt(job), scorer.Totals(50, {}), key="a/b", size=1)
    assert now_of(job).result_key == "a/b"


def test_a_job_whose_model_version_was_deleted_fails(queued):
    job = queued()
    ScoringJob.objects.update(model_version=None)
    attempt_of(job)
    assert (now_of(job).state, now_of(job).error_code) == ("failed", "version_deleted")


def test_a_job_whose_input_is_missing_in_the_store_fails(queued):
    job = queued()
    ScoringJob.objects.update(input_key="scoring-jobs/nothing/input.csv")
    attempt_of(job)
    assert (now_of(job).state, now_of(job).error_code) == ("failed", "storage_missing")


def test_a_database_that_is_down_when_the_user_is_read_is_retried(queued):
    job, failures = queued(), [OperationalError("the connection is closed")]

    def fail_once(execute, sql, *args):
        if failures and 'FROM "auth_user"' in sql:
            raise failures.pop()
        return execute(sql, *args)

    with connection.execute_wrapper(fail_once):
        attempt.run(Attempt(leases.claim(ScoringJob, worker="here:1")), retry_s=5)
    assert failures == []
    assert now_of(job).state == "succeeded"


def test_a_full_disk_keeps_no_partial_result(queued, full_disk):
    job = queued()
    full_disk("datasets")
    attempt_of(job)
    assert (now_of(job).state, now_of(job).error_code) == ("failed", "disk_full")
    assert stored() == []


def test_the_message_of_a_crash_contains_no_data(queued):
    job = queued()
    ScoringJob.objects.update(recipe={"columns": []})
    attempt_of(job)
    ended = now_of(job)
    assert (ended.state, ended.error) == ("failed", "The prediction crashed: TypeError.")
    assert "Traceback" in ended.traceback
    assert stored() == []


def test_predicted_rows_are_counted_in_the_metrics(ask):
    def rows():
        labels = {"model": "flowers", "version": "1", "environment": "dev", "protocol": "file"}
        return REGISTRY.get_sample_value("mlmp_predict_rows_total", labels) or 0

    before = rows()
    ask()
    assert rows() == before + 50
