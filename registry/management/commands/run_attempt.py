import os
import sys
import threading

from django.core.management.base import BaseCommand

from registry.jobs import run_attempt
from registry.models import JobState, TrainingJob


def end_with_the_worker() -> None:
    """The worker holds the other end of stdin: when it closes, the worker is gone, and so is this attempt."""
    sys.stdin.buffer.read()
    os._exit(1)


class Command(BaseCommand):
    help = "Run one attempt of a training job in this process. The worker starts this; people do not."

    def add_arguments(self, parser):
        parser.add_argument("job_id", type=int)
        parser.add_argument("attempt", type=int)

    def handle(self, *, job_id, attempt, **options):
        threading.Thread(target=end_with_the_worker, daemon=True).start()
        jobs = TrainingJob.objects.select_related("dataset_version__dataset", "requested_by")
        job = jobs.filter(pk=job_id, attempt=attempt, state=JobState.RUNNING).first()
        if job:
            run_attempt(job)
