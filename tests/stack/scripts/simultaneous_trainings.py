"""Twenty trainings in one process that register the same fitted model at the same moment."""

import dataclasses
import io
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
    from registry.training.registration import register
    from registry.training.request import TrainingRequest
    from registry.training.run import fit

    gate = threading.Barrier(COUNT)

    def run(job: TrainingJob) -> None:
        artifact = dataclasses.replace(model.artifact, file=io.BytesIO(content))
        gate.wait(60)
        register(job, dataclasses.replace(model, artifact=artifact))
        connections.close_all()

    source = Dataset.objects.named(dataset_name).version()
    request = TrainingRequest(module="tree", class_name="DecisionTreeClassifier")
    admin = get_user_model().objects.get(username="admin")
    request = submission.resolve(source, request=request)
    model = fit(source, request=request, progress=lambda *args: None)
    with model.artifact.file as file:
        file.seek(0)
        content = file.read()
    jobs = [submission.new_job(source, request=request, by=admin, warnings=[]) for _ in range(COUNT)]
    for job in jobs:
        job.state, job.attempt = JobState.RUNNING, 1
        job.started_at = job.heartbeat_at = timezone.now()
        job.save()
    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


django.setup()
main(sys.argv[1])
