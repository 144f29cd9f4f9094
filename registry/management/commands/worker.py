from functools import partial

from django.core.management.base import BaseCommand

from catalog.imports import cleanup
from mlplatform import system_checks
from mlplatform.jobs import reaper
from mlplatform.jobs.children import supervision
from mlplatform.jobs.children.process import FORK_SERVER
from mlplatform.jobs.retention import Hourly, prune
from mlplatform.jobs.worker import Worker, run_until_signal
from registry.models import TrainingJob


class Command(BaseCommand):
    help = "Run training jobs, one at a time, reclaim those whose worker died, and delete old rows."
    requires_system_checks = [system_checks.TAG]  # the other checks import every view, and with them pandas

    def handle(self, **options):
        FORK_SERVER.start()  # first, so that no job waits for its imports
        without_model = TrainingJob.objects.filter(model_version=None)  # the others can be trained again
        hourly = Hourly(partial(prune, without_model)), Hourly(cleanup.sweep)

        def tidy() -> int:
            count = reaper.reap(TrainingJob)
            for chore in hourly:
                chore()
            return count

        run_until_signal(Worker(TrainingJob, supervision.run, tidy=tidy))
