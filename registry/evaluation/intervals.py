"""Confidence intervals of metrics by bootstrap over the measured rows."""

import math

import numpy as np
import pandas

from registry.estimators import threads
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


def bootstrap(scores: ClassScores | NumberScores, groups: np.ndarray | None = None) -> dict[str, list[float]]:
    """The 95 % interval of each metric that is defined, as [low, high]; the same rows give the same intervals.

    Rows of one of the `groups` are drawn together: ten rows of a customer are not ten independent ones.
    """
    codes = np.arange(len(scores)) if groups is None else pandas.factorize(groups)[0]
    if len(scores) < MIN_MEASURED or codes.max() + 1 < MIN_MEASURED:
        return {}
    # As for the values of all rows: see scores.
    with threads.limited_to(1):
        return _bootstrap(scores, codes)


def _bootstrap(scores: ClassScores | NumberScores, groups: np.ndarray) -> dict[str, list[float]]:
    count = len(scores)
    random = np.random.default_rng(0)
    limit = max(MAX_ROWS // scores.width, MIN_ROWS)
    rows = np.arange(count) if limit >= count else _some(groups, limit, random)
    size = len(rows)
    sample, codes = scores.take(rows), pandas.factorize(groups[rows])[0]
    resamples = RESAMPLES if scores.width <= MANY_CLASSES else RESAMPLES_OF_MANY_CLASSES
    drawn = [_resampled(sample, codes, random) for _ in range(resamples)]
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
            interval = _with_width(name, interval, int(groups.max()) + 1)
        if all(map(math.isfinite, interval)):
            intervals[name] = interval
    return intervals


def _some(groups: np.ndarray, limit: int, random: np.random.Generator) -> np.ndarray:
    """Positions of the rows of random groups, about `limit` of them, of two groups at least."""
    order = random.permutation(groups.max() + 1)
    taken = np.searchsorted(np.bincount(groups)[order].cumsum(), limit) + 1
    is_taken = np.zeros(len(order), bool)
    is_taken[order[: max(taken, MIN_MEASURED)]] = True
    return np.flatnonzero(is_taken[groups])


def _with_width(name: str, interval: list[float], count: int) -> list[float]:
    """Of a share that is 1 or 0 in every resample, to the exact bound for so many rows (Clopper and Pearson)."""
    bound = ((1 - CONFIDENCE) / 2) ** (1 / count)
    low, high = interval
    if low > 1 - ROUNDING:
        return [bound, high]
    is_none = max(abs(low), abs(high)) < ROUNDING and name != "matthews_corrcoef"  # whose 0 is chance
    return [low, 1 - bound] if is_none else interval


def _resampled(
    sample: ClassScores | NumberScores, groups: np.ndarray, random: np.random.Generator
) -> dict[str, float | None]:
    count = int(groups.max()) + 1
    times = np.bincount(random.integers(count, size=count, dtype=np.int32), minlength=count)
    return sample.values(times[groups].astype(float))
