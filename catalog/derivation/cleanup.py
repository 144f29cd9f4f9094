"""What a worker does for queries between jobs: run them again over new versions, and delete what is left of others."""

import contextlib
import shutil
import tempfile
import zlib
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from catalog.derivation import repetition
from catalog.derivation.models import Derivation
from catalog.models import ImportJob
from mlplatform.jobs.retention import Hourly
from mlplatform.resilience.database_clock import ago


def spill_folder(job: ImportJob | None) -> Path:
    """Where the query of a job puts what does not fit into memory; without a job, the pattern of such folders.

    The name has the database, since other platforms on this machine have jobs of the same numbers.
    """
    database = settings.DATABASES["default"]
    place = "|".join(str(database.get(name, "")) for name in ("HOST", "PORT", "NAME"))
    keys = f"{job.pk}-{job.attempt}" if job else "*-*"
    return Path(tempfile.gettempdir()) / f"mlmp-query-{zlib.crc32(place.encode()):08x}-{keys}"


class Tidy:
    """What a worker does each time it renews its leases."""

    def __init__(self):
        self._sweep_hourly, self._settled = Hourly(sweep), repetition.Settled()

    def __call__(self) -> None:
        repetition.run_outdated(self._settled)
        self._sweep_hourly()


def sweep() -> None:
    """Delete derivations without a result whose job was deleted, and what killed attempts have left on this disk."""
    made = {"dataset_version": None, "import_job": None}
    Derivation.objects.filter(**made, created_at__lt=ago(timedelta(hours=1))).delete()
    pattern = spill_folder(None)
    for folder in pattern.parent.glob(pattern.name):
        job, attempt = folder.name.split("-")[-2:]
        with contextlib.suppress(ValueError):  # another program's
            if not ImportJob.objects.running().filter(pk=job, attempt=attempt).exists():
                shutil.rmtree(folder, ignore_errors=True)
