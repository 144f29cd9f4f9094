"""Whether two models differ by more than noise, on the same rows. No Django models or settings."""

import math

import numpy as np
import pandas

from registry.estimators import threads
from registry.evaluation.definitions import Metric
from registry.evaluation.scores import ClassScores, NumberScores

MIN_ROWS = 10  # or groups of rows: with fewer, resampling says little
RESAMPLES = 400
MAX_ROWS = 20_000  # times the number of rankings; of more, a sample is resampled, and its spread is scaled
MIN_SAMPLE = 400
SIGNIFICANCE = 0.05
RANKED = ("roc_auc", "average_precision")


def difference(
    before: ClassScores | NumberScores,
    after: ClassScores | NumberScores,
    metric: Metric,
    groups: np.ndarray | None = None,
) -> dict | None:
    """The metric of both predictions of the same rows, their difference with its 95 % interval, and its p-value.

    The interval is a paired bootstrap: each resample draws the same rows, or `groups` of rows, for both. The p-value is
    that of the bootstrap; of the accuracy, McNemar's exact one (1947). `is_clear` if both say so. None if the metric is
    not defined for both, if there are fewer than MIN_ROWS, or if one side lacks rows: a prediction can be infinite.
    """
    codes = np.arange(len(before)) if groups is None else pandas.factorize(groups)[0]
    if not len(before) == len(after) == len(codes) or codes.max(initial=-1) + 1 < MIN_ROWS:
        return None
    if isinstance(before, NumberScores) and not np.array_equal(before.actual, after.actual):
        return None
    with threads.limited_to(1):  # for vectors, see registry.evaluation.scores
        values = [one.values(np.ones(len(one))).get(metric.name) for one in (before, after)]
        if None in values:
            return None
        drawn, scale = _drawn(before, after, metric, codes)
    if len(drawn) < RESAMPLES / 2:
        return None
    low, high = (
        values[1] - values[0] + (np.quantile(drawn, [0.025, 0.975]) - np.median(drawn)) * scale
    ).tolist()
    if groups is None and metric.name == "accuracy":
        p_value = _mcnemar(before, after)
    else:
        p_value = _p_value(values[1] - values[0] + (drawn - np.median(drawn)) * scale)
    before_value, after_value = map(float, values)
    return {
        "before": before_value,
        "after": after_value,
        "difference": after_value - before_value,
        "interval": [low, high],
        "p_value": float(p_value),
        "is_clear": bool((low > 0 or high < 0) and p_value < SIGNIFICANCE),
    }


def _drawn(before, after, metric: Metric, codes: np.ndarray) -> tuple[np.ndarray, float]:
    """The differences in the resamples, and by how much their spread is to be multiplied.

    The spread follows the number of groups: a sample of the rows that has all of them needs no correction.
    """
    random = np.random.default_rng(0)
    width = before.width if metric.name in RANKED else 1
    limit = max(MAX_ROWS // width, MIN_SAMPLE)
    rows, total = np.arange(len(codes)), int(codes.max()) + 1
    if len(rows) > limit:
        rows = np.sort(random.choice(len(rows), limit, replace=False))
    sides = [_part(one, rows, metric) for one in (before, after)]
    codes = pandas.factorize(codes[rows])[0]
    count, drawn = int(codes.max()) + 1, []
    for _ in range(RESAMPLES):
        times = np.bincount(random.integers(count, size=count), minlength=count)[codes].astype(float)
        first, second = (side.values(times).get(metric.name) for side in sides)
        if first is not None and second is not None:
            drawn.append(second - first)
    return np.array(drawn), math.sqrt(count / total)


def _part(scores, rows: np.ndarray, metric: Metric):
    part = scores.take(rows)
    if isinstance(part, ClassScores) and metric.name not in RANKED:
        part.ranks = {}
    return part


def _p_value(drawn: np.ndarray) -> float:
    """Twice the share of the resamples on the other side of 0, at least 2 / (RESAMPLES + 1)."""
    other = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return min(2 * (other + 1) / (len(drawn) + 1), 1.0)


def _mcnemar(before: ClassScores, after: ClassScores) -> float:
    """Of the rows that only one side predicts correctly, whether it is either side as often."""
    from scipy import stats

    first, second = (one.true == one.predicted for one in (before, after))
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
