"""Reap import jobs, and delete the uploads that were neither added to the catalog nor discarded."""

import contextlib
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from catalog.imports import drafts
from catalog.models import Draft, ImportJob
from mlplatform import storage
from mlplatform.jobs import reaper
from mlplatform.jobs.retention import Hourly
from mlplatform.resilience import inventory
from mlplatform.resilience.database_clock import ago

KEEP = timedelta(days=1)


class Tidy:
    """What a worker does each time it renews its leases. Returns the number of jobs it reaped."""

    def __init__(self):
        self._sweep_hourly = Hourly(sweep)

    def __call__(self) -> int:
        count = reaper.reap(ImportJob)
        left = ImportJob.objects.finished().filter(keeps_draft=False).exclude(draft=None)
        for job in inventory.while_responding(storage.datasets(), left):
            drafts.discard(job.draft)
        self._sweep_hourly()
        return count


def sweep() -> None:
    """Discard drafts after a day, and uploads that were interrupted; delete finished jobs after RETENTION_DAYS."""
    ImportJob.objects.finished().filter(finished_at__lt=ago(timedelta(days=settings.RETENTION_DAYS))).delete()
    _delete_received_files()
    importing = ImportJob.objects.unfinished().exclude(draft=None).values("draft")
    old = Draft.objects.filter(created_at__lt=ago(KEEP)).exclude(pk__in=importing)
    for draft in inventory.while_responding(storage.datasets(), old.defer("receipt")):
        drafts.discard(draft)


def _delete_received_files() -> None:
    """Those that web processes have received, and were killed before they had stored them."""
    if settings.FILE_UPLOAD_TEMP_DIR is None:  # they have no names
        return
    before = time.time() - KEEP.total_seconds()
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*.upload*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
