"""A process that trains models for the platform in whose environment it runs, without a worker and a child process.

It reads one JSON list `[dataset, count]` per line, and writes the numbers of the new versions.
"""

import json
import sys
from datetime import timedelta

import django


def train(dataset_name: str, count: int) -> list[int]:
    from django.contrib.auth import get_user_model
    from django.db import connections
    from django.utils import timezone

    from catalog.models import Dataset
    from mlplatform.jobs.models import JobState
    from registry.jobs import submission
    from registry.training import run
    from registry.training.request import TrainingRequest

    source = Dataset.objects.named(dataset_name).version()
    request = TrainingRequest(module="tree", class_name="DecisionTreeClassifier")
    request = submission.resolve(source, request=request)
    admin = get_user_model().objects.get(username="admin")
    numbers = []
    for _ in range(count):
        job = submission.new_job(source, request=request, by=admin, warnings=[])
        now = timezone.now()
        job.state, job.attempt, job.worker = JobState.RUNNING, 1, "tests"
        job.started_at, job.lease_expires_at = now, now + timedelta(minutes=5)
        job.save()
        numbers.append(run.train(job, progress=lambda *args: None).number)
    connections.close_all()
    return numbers


if __name__ == "__main__":
    django.setup()
    for line in sys.stdin:
        print(json.dumps(train(*json.loads(line))), flush=True)
