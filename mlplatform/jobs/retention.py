"""Delete what is no longer needed. Training workers do it, every hour."""

import time
from collections.abc import Callable
from datetime import timedelta

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from knox.models import get_token_model

from mlplatform.idempotency import keys as idempotency_keys
from mlplatform.resilience.database_clock import NOW, ago

EVERY_S = 3600
BATCH = 1000  # in a transaction, during which SQLite lets nobody else write


class Hourly:
    """Calls a function unless it did in the last hour."""

    def __init__(self, function: Callable[[], None], *, clock: Callable[[], float] = time.monotonic):
        self._function, self._clock = function, clock
        self._called_at = float("-inf")

    def __call__(self) -> None:
        if self._clock() - self._called_at >= EVERY_S:
            self._called_at = self._clock()
            self._function()


def prune(jobs: QuerySet) -> None:
    """Delete expired sessions, tokens and idempotency keys and, after RETENTION_DAYS, sign-ins and finished jobs."""
    before = ago(timedelta(days=settings.RETENTION_DAYS))
    _delete(Session.objects.filter(expire_date__lt=NOW))
    _delete(get_token_model().objects.filter(expiry__lt=NOW))
    for sign_ins in (AccessAttempt, AccessLog):
        _delete(sign_ins.objects.filter(attempt_time__lt=before))
    _delete(jobs.finished().filter(finished_at__lt=before))
    idempotency_keys.prune()


def _delete(rows: QuerySet) -> None:
    while pks := list(rows.values_list("pk", flat=True)[:BATCH]):
        rows.model.objects.filter(pk__in=pks).delete()
