"""Twenty trainings in one process that register their versions at the same moment."""

import sys
import threading

import django

COUNT = 20


def main(dataset_name: str) -> None:
    from django.contrib.auth import get_user_model
    from django.db import connections
    from django.utils import timezone

    from catalog.models import Dataset
    from mlplatform.jobs.models import JobState
    from registry.jobs import submission
    from registry.models import TrainingJob
    from registry.training.request import TrainingRequest
    from registry.training.run import train

    gate = threading.Barrier(COUNT)

    def wait_for_the_others(stage: str, fraction: float | None = None) -> None:
        if stage == "saving":
            gate.wait(60)

    def run(job: TrainingJob) -> None:
        train(job, progress=wait_for_the_others)
        connections.close_all()

    source = Dataset.objects.named(dataset_name).version()
    request = TrainingRequest(module="tree", class_name="DecisionTreeClassifier")
    admin = get_user_model().objects.get(username="admin")
    request = submission.resolve(source, request=request)
    jobs = [submission.new_job(source, request=request, by=admin, warnings=[]) for _ in range(COUNT)]
    for job in jobs:
        job.state, job.attempt, job.heartbeat_at = JobState.RUNNING, 1, timezone.now()
        job.save()
    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


django.setup()
main(sys.argv[1])
