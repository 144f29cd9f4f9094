"""Expired leases and old files of scoring jobs."""

from datetime import timedelta

from django.utils import timezone

from serving.batch import cleanup
from serving.models import ScoringJob
from tests.serving.batch.conftest import attempt_of, now_of, stored


def test_a_job_whose_scorer_died_is_retried(running):
    job = running(expired=True)
    assert cleanup.tidy() == 1
    attempt_of(job)
    assert (now_of(job).state, now_of(job).attempt) == ("succeeded", 2)


def test_a_lost_job_loses_its_input_file(running, settings):
    job = running(expired=True, worker="here:1")
    settings.TRAIN_MAX_ATTEMPTS = 1
    assert cleanup.tidy() == 1
    lost = now_of(job)
    assert (lost.state, lost.input_key) == ("lost", "")
    assert lost.error.endswith(
        "(here:1) died or lost its machine, and no attempt is left. Send the file again."
    )
    assert stored() == []


def test_a_running_job_is_left_alone(running):
    running()
    assert cleanup.tidy() == 0
    assert stored() == ["input.csv"]


def test_old_jobs_are_deleted_with_their_results(ask, settings):
    old, new = ask(), ask()
    days = timedelta(days=settings.SCORING_KEEP_DAYS)
    ScoringJob.objects.filter(pk=old.pk).update(finished_at=timezone.now() - days)
    cleanup.tidy()
    assert list(ScoringJob.objects.all()) == [new]
    assert stored() == ["result.csv"]


def test_files_stay_with_their_jobs_until_the_store_responds(running, ask, settings, broken_storage):
    """A wait for a store that hangs at each file would keep the scorer from reaping jobs for hours."""
    settings.TRAIN_MAX_ATTEMPTS = 1
    old, lost = ask(), running(expired=True)
    days = timedelta(days=settings.SCORING_KEEP_DAYS)
    ScoringJob.objects.filter(pk=old.pk).update(finished_at=timezone.now() - days)
    with broken_storage("datasets"):
        assert cleanup.tidy() == 1
        assert now_of(lost).input_key
        assert ScoringJob.objects.filter(pk=old.pk).exists()
    cleanup.tidy()
    assert now_of(lost).input_key == ""
    assert stored() == []
