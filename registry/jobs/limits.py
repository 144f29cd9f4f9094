"""The time of a training: its limit, and the expected duration."""

import statistics

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q

from mlplatform.jobs.models import JobState
from registry.models import TrainingJob
from registry.training.request import TrainingRequest

# What the process of a training takes before it reads its table, measured: it does not grow with the table.
START_S, START_BYTES = 2, 200 * 1024**2
SMALL_ROWS, SMALL_CELLS = 1_000, 100_000  # below, the size of the table hardly matters


def expected_seconds(algorithm: str, *, rows: int, fits: float = 1, in_passes: bool = False) -> float | None:
    """The expected duration: the median of the algorithm's last five trainings, in proportion to their rows and fits.

    None if there is none. A guess for users: it ignores that some fits grow faster than the rows.
    """
    earlier = _earlier(algorithm, in_passes)
    durations = []
    for started_at, finished_at, train, test, request in earlier.order_by("-id").values_list(
        "started_at", "finished_at", "model_version__rows_train", "model_version__rows_test", "request"
    )[:5]:
        if started_at and finished_at:
            ratio = (rows + SMALL_ROWS) / (train + test + SMALL_ROWS)
            ratio *= fits / TrainingRequest.from_dict(request).fits
            duration = (finished_at - started_at).total_seconds()
            durations.append(_grown(duration, START_S, ratio))
    return round(statistics.median(durations), 1) if durations else None


def expected_bytes(algorithm: str, *, rows: int, features: int, in_passes: bool = False) -> int | None:
    """The expected peak of the memory: of the algorithm's last five trainings, in proportion to their cells.

    None if there is none.
    """
    earlier = _earlier(algorithm, in_passes).filter(memory_peak_bytes__gt=0)
    peaks = []
    for peak, train, test, used in earlier.order_by("-id").values_list(
        "memory_peak_bytes",
        "model_version__rows_train",
        "model_version__rows_test",
        "model_version__features",
    )[:5]:
        ratio = (rows * features + SMALL_CELLS) / ((train + test) * len(used) + SMALL_CELLS)
        peaks.append(_grown(peak, START_BYTES, ratio))
    return round(statistics.median(peaks)) if peaks else None


def _earlier(algorithm: str, in_passes: bool):
    """Finished trainings of one algorithm, in memory or in passes; those of groups took the time of all trials."""
    alone = TrainingJob.objects.filter(
        state=JobState.SUCCEEDED, model_version__algorithm=algorithm, group__isnull=True
    )
    in_memory = Q(model_version__trained="")
    return alone.filter(~in_memory if in_passes else in_memory)


def _grown(total: float, start: float, ratio: float) -> float:
    """What an earlier training took, with all beyond the start in proportion to the size."""
    return min(total, start) + max(total - start, 0) * max(ratio, 0.1)


def timeout(requested_s: int | None) -> int:
    """The time limit of a job in seconds. Raises ValidationError above the platform's limit."""
    if requested_s is not None and not 1 <= requested_s <= settings.TRAIN_TIMEOUT_S:
        raise ValidationError(
            f"timeout_s must be an integer from 1 to {settings.TRAIN_TIMEOUT_S}.", code="timeout"
        )
    return requested_s or settings.TRAIN_TIMEOUT_S
