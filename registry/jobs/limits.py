"""The time of a training: its limit, and the expected duration."""

import statistics

from django.conf import settings
from django.core.exceptions import ValidationError

from mlplatform.jobs.models import JobState
from registry.models import TrainingJob


def expected_seconds(algorithm: str, *, rows: int) -> float | None:
    """The expected duration: the median of the algorithm's last five trainings, in proportion to their rows.

    None if there is none. A guess for users: it ignores that some fits grow faster than the rows.
    """
    earlier = TrainingJob.objects.filter(state=JobState.SUCCEEDED, model_version__algorithm=algorithm)
    durations = []
    for started_at, finished_at, train, test in earlier.order_by("-id").values_list(
        "started_at", "finished_at", "model_version__rows_train", "model_version__rows_test"
    )[:5]:
        if started_at and finished_at:
            ratio = rows / max(train + test, 1)
            durations.append((finished_at - started_at).total_seconds() * max(ratio, 0.1))
    return round(statistics.median(durations), 1) if durations else None


def timeout(requested_s: int | None) -> int:
    """The time limit of a job in seconds. Raises ValidationError above the platform's limit."""
    if requested_s is not None and not 1 <= requested_s <= settings.TRAIN_TIMEOUT_S:
        raise ValidationError(
            f"timeout_s must be an integer from 1 to {settings.TRAIN_TIMEOUT_S}.", code="timeout"
        )
    return requested_s or settings.TRAIN_TIMEOUT_S
