"""What is about training in the life of a training job; leases.py has what every job has.

What runs a job is in workers.py and attempts.py.
"""

import statistics

from django.conf import settings
from django.core.exceptions import ValidationError
from django_tasks import task

from registry.models import JobState, TrainingJob


@task()
def run_job(job_id: int) -> None:
    """The queue's task."""
    from registry.jobs.worker import run  # it imports this module

    run(job_id)


def expected_seconds(algorithm: str, *, rows: int) -> float | None:
    """How long a training may take, by the last five of this algorithm, in proportion to their rows.

    None without an earlier one. A guess for people: cost that grows faster than the rows is not modelled.
    """
    earlier = TrainingJob.objects.filter(state=JobState.SUCCEEDED, model_version__algorithm=algorithm)
    facts = earlier.order_by("-id").values_list(
        "started_at", "finished_at", "model_version__rows_train", "model_version__rows_test"
    )[:5]
    guesses = []
    for started_at, finished_at, train, test in facts:
        if started_at and finished_at:
            share = rows / max(train + test, 1)
            guesses.append((finished_at - started_at).total_seconds() * max(share, 0.1))
    return round(statistics.median(guesses), 1) if guesses else None


def timeout_of(wanted: int | None) -> int:
    """The longest that a job may run, in seconds. Raises ValidationError over the platform's own limit."""
    if wanted is not None and not 1 <= wanted <= settings.TRAIN_TIMEOUT_S:
        raise ValidationError(
            f"timeout_s must be a whole number from 1 to {settings.TRAIN_TIMEOUT_S}.", code="timeout"
        )
    return wanted or settings.TRAIN_TIMEOUT_S
