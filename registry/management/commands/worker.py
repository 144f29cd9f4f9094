from django.core.management.base import BaseCommand

from mlplatform import system_checks
from mlplatform.jobs import child_process
from mlplatform.jobs.worker import Worker
from registry.jobs import worker
from registry.models import TrainingJob


class Command(BaseCommand):
    help = "Run training jobs, one at a time, and reclaim those whose worker died."
    requires_system_checks = [system_checks.TAG]  # the other checks import every view, and with them pandas

    def handle(self, **options):
        child_process.start_fork_server()  # first, so that no job waits for its imports
        Worker(TrainingJob, worker.run).run_forever()
