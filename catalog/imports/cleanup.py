"""Reap import jobs, and delete the uploads that were neither added to the catalog nor discarded."""

import logging
from datetime import timedelta

from django.conf import settings

from catalog.imports import drafts
from catalog.models import Draft, ImportJob
from mlplatform import storage
from mlplatform.errors import NotReady
from mlplatform.jobs import reaper
from mlplatform.jobs.retention import Hourly
from mlplatform.resilience.database_clock import ago

logger = logging.getLogger(__name__)
KEEP = timedelta(days=1)


class Tidy:
    """What a worker does each time it renews its leases. Returns the number of jobs it reaped."""

    def __init__(self):
        self._sweep_hourly = Hourly(sweep)

    def __call__(self) -> int:
        count = reaper.reap(ImportJob)
        for job in ImportJob.objects.finished().filter(keeps_draft=False).exclude(draft=None):
            drafts.discard(job.draft)
        self._sweep_hourly()
        return count


def sweep() -> None:
    """Discard drafts after a day, and uploads that were interrupted; delete finished jobs after RETENTION_DAYS."""
    ImportJob.objects.finished().filter(finished_at__lt=ago(timedelta(days=settings.RETENTION_DAYS))).delete()
    importing = ImportJob.objects.unfinished().exclude(draft=None).values("draft")
    old = Draft.objects.filter(created_at__lt=ago(KEEP)).exclude(pk__in=importing)
    try:
        for draft in old.defer("receipt"):
            storage.check(storage.datasets())  # a draft without its row would leave its file
            drafts.discard(draft)
    except NotReady as error:
        logger.warning("drafts stay for another hour: %s", error)
