"""What training workers delete: rows that have expired, and those older than RETENTION_DAYS."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.utils import timezone
from knox.models import get_token_model

from mlplatform.jobs.models import JobState
from mlplatform.jobs.retention import EVERY_S, Hourly, prune
from registry.models import TrainingJob


def days_ago(days: int):
    return timezone.now() - timedelta(days=days)


@pytest.mark.django_db
def test_expired_sessions_are_deleted():
    for days in (1, -1):
        Session.objects.create(session_key=str(days), expire_date=days_ago(days))
    prune(TrainingJob.objects.all())
    assert [session.session_key for session in Session.objects.all()] == ["-1"]


def test_expired_tokens_are_deleted_and_those_without_an_expiry_are_kept(admin):
    tokens = get_token_model().objects
    for expiry in (timedelta(days=-1), timedelta(days=1), None):
        tokens.create(user=admin, expiry=expiry)
    prune(TrainingJob.objects.all())
    assert sorted(expiry is None for expiry in tokens.values_list("expiry", flat=True)) == [False, True]


@pytest.mark.django_db
@pytest.mark.parametrize("model", [AccessAttempt, AccessLog])
def test_sign_ins_are_deleted_after_the_retention_time(model, settings):
    settings.RETENTION_DAYS = 30
    fields = {"failures_since_start": 1} if model is AccessAttempt else {}
    for days in (29, 31):
        row = model.objects.create(username=str(days), **fields)
        model.objects.filter(pk=row.pk).update(attempt_time=days_ago(days))
    prune(TrainingJob.objects.all())
    assert [row.username for row in model.objects.all()] == ["29"]


def test_jobs_are_deleted_after_the_retention_time_unless_they_have_not_finished(make_queued, settings):
    settings.RETENTION_DAYS = 30
    make_queued(state=JobState.FAILED, finished_at=days_ago(31))
    kept = [make_queued(state=JobState.FAILED, finished_at=days_ago(29)), make_queued()]
    TrainingJob.objects.filter(pk=kept[1].pk).update(requested_at=days_ago(31))
    prune(TrainingJob.objects.all())
    assert list(TrainingJob.objects.order_by("pk")) == kept


def test_it_is_done_once_an_hour(clock):
    calls = []
    tidy = Hourly(lambda: calls.append(1), clock=clock)
    for seconds in (0, EVERY_S - 1, 1, 1):
        clock.advance(seconds)
        tidy()
    assert len(calls) == 2
