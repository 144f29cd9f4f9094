"""The JOB_QUEUED_HOOK of the tests: runs each job at once, in the process of the test."""

from catalog.derivation import attempt as deriving
from catalog.imports import attempt as importing
from catalog.models import ImportJob
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.models import Job
from mlplatform.jobs.worker import Worker
from registry.jobs import attempt as training
from registry.jobs import evaluation
from registry.models import Evaluation, TrainingJob
from serving.batch import attempt as scoring
from serving.models import ScoringJob
from tests.servers.fitted import FITTED_MODELS


def train(attempt: Attempt) -> None:
    training.run(attempt.job, fit=FITTED_MODELS.fit)


def score(attempt: Attempt) -> None:
    scoring.run(attempt, retry_s=0)


def add(attempt: Attempt) -> None:
    (deriving if attempt.job.derivation_id else importing).run(attempt.job)


def evaluate(attempt: Attempt) -> None:
    evaluation.run(attempt.job)


RUN = {Evaluation: evaluate, TrainingJob: train, ImportJob: add, ScoringJob: score}


def run(job: Job) -> None:
    """Run all queued jobs of this kind."""
    worker = Worker(type(job), RUN[type(job)])
    while worker.run_next():
        pass
