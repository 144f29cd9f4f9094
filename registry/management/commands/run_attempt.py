from django.core.management.base import BaseCommand

from mlplatform.jobs import child_main
from mlplatform.jobs.models import JobState
from registry.estimators import algorithms
from registry.jobs import attempt
from registry.models import TrainingJob


class Command(BaseCommand):
    help = "Wait on standard input for one attempt of a training job, and run it. The training worker starts this."
    requires_system_checks = []  # the worker has run them

    def handle(self, **options):
        algorithms.all_algorithms()  # imports scikit-learn before there is a job to wait for it
        work = child_main.wait_for_work()
        if work is None:
            return
        jobs = TrainingJob.objects.select_related("dataset_version__dataset", "requested_by")
        job = jobs.filter(pk=work["job"], attempt=work["attempt"], state=JobState.RUNNING).first()
        if job:
            attempt.run(job, retry_s=attempt.RETRY_S)
