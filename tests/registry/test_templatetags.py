"""Progress and durations of training jobs on pages."""

from datetime import datetime, timedelta

from django.utils import timezone

from registry.templatetags import registry_ui


class Job:
    requested_at = timezone.now()
    started_at = finished_at = expected_s = None
    stage, progress, timings = "", 0.0, []
    class_name, request = "RandomForestClassifier", {"model": {"params": {"n_estimators": 400}}}


def test_a_job_that_has_not_started_has_no_duration():
    assert registry_ui.run_time(Job()) is None
    assert registry_ui.queue_time(Job()) >= timedelta(0)


def test_a_step_of_a_job_ends_when_the_next_begins():
    job = Job()
    assert registry_ui.stage_times(job) == []
    instants = ["2026-01-31T12:00:00+00:00", "2026-01-31T12:00:02+00:00", "2026-01-31T12:00:05+00:00"]
    job.timings = [["loading", instants[0]], ["fitting", instants[1]]]
    job.finished_at = datetime.fromisoformat(instants[2])
    seconds = [duration.total_seconds() for _, duration in registry_ui.stage_times(job)]
    assert seconds == [2, 3]


def test_a_fit_of_unknown_duration_has_no_percentage():
    job = Job()
    job.stage, job.progress = "fitting", 0.15
    assert registry_ui.progress_percent(job) is None
    job.stage, job.progress = "evaluating", 0.8
    assert registry_ui.progress_percent(job) is None
    assert registry_ui.stage_label(job) == "Evaluating the model"


def test_a_fit_that_reports_its_iterations_shows_them_with_their_share_and_the_time_left():
    job, now = Job(), timezone.now()
    job.started_at, job.timings = now - timedelta(seconds=30), [["fitting", str(now - timedelta(seconds=8))]]
    job.stage, job.progress = "fitting", 0.15 + 0.65 * 32 / 400
    assert registry_ui.stage_label(job) == "Fitting the model: tree 32 of 400"
    assert registry_ui.progress_percent(job) == 8
    assert "about 1 min 32 s left" in registry_ui.time_left(job)
    job.class_name, job.request = "MLPClassifier", {"model": {"params": {}}}
    job.progress = 0.15 + 0.65 * 50 / 200
    assert registry_ui.stage_label(job) == "Fitting the model: iteration 50 of 200"


def test_a_fit_of_known_duration_shows_the_time_left_and_at_most_99_percent():
    job = Job()
    job.stage, job.started_at, job.expected_s = "fitting", timezone.now() - timedelta(seconds=30), 60
    assert registry_ui.progress_percent(job) == 50
    assert "about 30 s left" in registry_ui.time_left(job)
    job.expected_s = 10
    assert registry_ui.progress_percent(job) == 99
