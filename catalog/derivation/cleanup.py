"""What a worker does for queries between jobs: run them again over new versions, and delete what is left of others."""

import contextlib
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from catalog.derivation import repetition
from catalog.derivation.models import Derivation
from catalog.models import ImportJob
from mlplatform.jobs.retention import Hourly
from mlplatform.resilience.database_clock import ago

FOLDER = "mlmp-query-"  # followed by the keys of a job and of its attempt


class Tidy:
    """What a worker does each time it renews its leases."""

    def __init__(self):
        self._sweep_hourly = Hourly(sweep)

    def __call__(self) -> None:
        repetition.run_outdated()
        self._sweep_hourly()


def sweep() -> None:
    """Delete derivations without a result whose job was deleted, and what killed attempts have left on this disk."""
    made = {"dataset_version": None, "import_job": None}
    Derivation.objects.filter(**made, created_at__lt=ago(timedelta(hours=1))).delete()
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*-*"):
        job, _, attempt = folder.name.removeprefix(FOLDER).partition("-")
        with contextlib.suppress(ValueError):  # another program's
            if not ImportJob.objects.running().filter(pk=job, attempt=attempt).exists():
                shutil.rmtree(folder, ignore_errors=True)
