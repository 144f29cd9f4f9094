"""Confidence intervals of metrics by bootstrap over the measured rows."""

import math

import numpy as np

from registry.evaluation import definitions
from registry.evaluation.scores import ClassScores, NumberScores

CONFIDENCE = 0.95
RESAMPLES = 200
RESAMPLES_OF_MANY_CLASSES = 50  # more than MANY_CLASSES, so that it takes a second or two at most
MANY_CLASSES = 50
# Of more rows, or of many classes, of which each is ranked,
# a sample is resampled, and its spread is scaled to the number of rows.
MAX_ROWS = 20_000
MIN_ROWS = 400
MIN_MEASURED = 2
ROUNDING = 1e-9


def bootstrap(scores: ClassScores | NumberScores) -> dict[str, list[float]]:
    """The 95 % interval of each metric that is defined, as [low, high]; the same rows give the same intervals."""
    from threadpoolctl import threadpool_limits

    if len(scores) < MIN_MEASURED:
        return {}
    # As for the values of all rows: see scores.
    with threadpool_limits(1):
        return _bootstrap(scores)


def _bootstrap(scores: ClassScores | NumberScores) -> dict[str, list[float]]:
    count = len(scores)
    random = np.random.default_rng(0)
    size = min(count, max(MAX_ROWS // scores.width, MIN_ROWS))
    rows = np.arange(count) if size == count else random.choice(count, size, replace=False)
    sample = scores.take(rows)
    resamples = RESAMPLES if scores.width <= MANY_CLASSES else RESAMPLES_OF_MANY_CLASSES
    drawn = [_resampled(sample, random) for _ in range(resamples)]
    whole, of_sample = scores.values(), sample.values()
    ends = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    intervals = {}
    for name, value in whole.items():
        values = [resample[name] for resample in drawn if resample[name] is not None]
        if value is None or of_sample[name] is None or len(values) < resamples / 2:
            continue
        spread = (np.quantile(values, ends) - of_sample[name]) * math.sqrt(size / count)
        interval = (value + spread if size < count else np.quantile(values, ends)).tolist()
        if isinstance(scores, ClassScores) and definitions.BY_NAME[name].is_share:
            interval = _with_width(name, interval, count)
        if all(map(math.isfinite, interval)):
            intervals[name] = interval
    return intervals


def _with_width(name: str, interval: list[float], count: int) -> list[float]:
    """Of a share that is 1 or 0 in every resample, to the exact bound for so many rows (Clopper and Pearson)."""
    bound = ((1 - CONFIDENCE) / 2) ** (1 / count)
    low, high = interval
    if low > 1 - ROUNDING:
        return [bound, high]
    is_none = max(abs(low), abs(high)) < ROUNDING and name != "matthews_corrcoef"  # whose 0 is chance
    return [low, 1 - bound] if is_none else interval


def _resampled(sample: ClassScores | NumberScores, random: np.random.Generator) -> dict[str, float | None]:
    size = len(sample)
    weights = np.bincount(random.integers(size, size=size, dtype=np.int32), minlength=size)
    return sample.values(weights.astype(float))
