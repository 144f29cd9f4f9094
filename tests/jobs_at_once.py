"""What settings.JOB_QUEUED_HOOK names in tests: a worker that is always free, in the test's own process."""

from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.models import Job
from mlplatform.jobs.worker import Worker
from registry.jobs import attempt as training
from registry.models import TrainingJob
from serving.batch import attempt as scoring
from serving.models import ScoringJob


def train(attempt: Attempt) -> None:
    training.run(attempt.job)


def score(attempt: Attempt) -> None:
    scoring.run(attempt, retry_s=0)


RUN = {TrainingJob: train, ScoringJob: score}


def run(job: Job) -> None:
    """Run all queued jobs of this kind."""
    worker = Worker(type(job), RUN[type(job)])
    while worker.run_next():
        pass
