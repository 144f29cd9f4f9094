"""What a worker does for queries between jobs: run them again over new versions, and delete what is left of others."""

import contextlib
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from catalog.derivation import repetition
from catalog.derivation.models import Derivation
from catalog.models import ImportJob
from mlplatform.jobs.retention import Hourly
from mlplatform.resilience.database_clock import ago

LOOK_S = 60


def spill_folder(job: ImportJob | None) -> Path:
    """Where the query of a job puts what does not fit into memory; without a job, the pattern of such folders.

    The name has the database, since other platforms on this machine have jobs of the same numbers.
    """
    database = settings.DATABASES["default"]
    place = "|".join(str(database.get(name, "")) for name in ("HOST", "PORT", "NAME"))
    keys = f"{job.pk}-{job.attempt}" if job else "*-*"
    return Path(tempfile.gettempdir()) / f"mlmp-query-{zlib.crc32(place.encode()):08x}-{keys}"


class Tidy:
    """What a worker does each time it renews its leases.

    It looks for outdated queries if there is a new dataset version, and else once a minute, for what this does not
    show: every worker looks, and the look takes longer the more such queries there are.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic):
        self._sweep_hourly, self._settled = Hourly(sweep), repetition.Settled()
        self._clock = clock
        self._looked_at = float("-inf")

    def __call__(self) -> None:
        if self._settled.refresh() or self._clock() - self._looked_at >= LOOK_S:
            repetition.run_outdated(self._settled)
            self._looked_at = self._clock()
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
