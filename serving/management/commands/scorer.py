from django.core.management.base import BaseCommand

from mlplatform import metrics, system_checks
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.worker import Worker, run_until_signal
from serving.batch import cleanup
from serving.models import ScoringJob


class Command(BaseCommand):
    help = "Run scoring jobs, one at a time, and reclaim those whose scorer died."
    requires_system_checks = [system_checks.TAG]  # the other checks import every view, and with them pandas

    def handle(self, **options):
        metrics.discard_dead_processes()
        run_until_signal(Worker(ScoringJob, run, tidy=cleanup.tidy))


def run(attempt: Attempt) -> None:
    from serving.batch import attempt as scoring  # imports pandas: 74 MB are enough for an idle scorer

    scoring.run(attempt)
