from functools import partial

from django.conf import settings
from django.core.management.base import BaseCommand

from catalog.derivation import cleanup as derivations
from catalog.imports import cleanup as imports
from catalog.models import ImportJob
from mlplatform import system_checks
from mlplatform.jobs import reaper
from mlplatform.jobs.children import supervision
from mlplatform.jobs.children.process import FORK_SERVER
from mlplatform.jobs.retention import Hourly, prune
from mlplatform.jobs.worker import Worker, run_until_signal
from mlplatform.lists import planner_statistics
from registry.mlflow import mirror
from registry.models import Evaluation, TrainingJob


class Command(BaseCommand):
    help = "Run trainings, imports and evaluations, one of each at a time, reclaim those of dead workers, and clean up"
    requires_system_checks = [system_checks.TAG]  # the other checks import every view, and with them pandas

    def handle(self, **options):
        FORK_SERVER.start()  # first, so that no job waits for its imports
        without_model = TrainingJob.objects.filter(model_version=None)  # the others can be trained again
        prune_hourly, refresh_hourly = (
            Hourly(partial(prune, without_model)),
            Hourly(planner_statistics.refresh),
        )

        def tidy() -> int:
            count = reaper.reap(TrainingJob)
            prune_hourly()
            refresh_hourly()
            return count

        tidy_imports, tidy_derivations = imports.Tidy(), derivations.Tidy()

        def tidy_files() -> int:
            count = tidy_imports()
            tidy_derivations()
            return count

        trainings = Worker(TrainingJob, supervision.run, tidy=tidy)
        # They share the fork server, which is most of a worker's memory, and an import does not wait for a training.
        files = Worker(ImportJob, supervision.run, tidy=tidy_files)
        evaluations = Worker(Evaluation, supervision.run)
        mirrors = [mirror.Mirror(mirror.client())] if settings.MLFLOW_MIRROR_URI else []
        run_until_signal(trainings, files, evaluations, *mirrors)
