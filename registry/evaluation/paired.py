"""Whether two models differ by more than noise, on the same rows. No Django models or settings."""

import math
from collections.abc import Sequence

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
HITS = ("accuracy", "recall")  # weighted by class size, the recall is the accuracy
RANKED = ("roc_auc", "average_precision")


def difference(
    before: ClassScores | NumberScores,
    after: ClassScores | NumberScores,
    metric: Metric,
    groups: np.ndarray | None = None,
) -> dict | None:
    """What differences() returns for one metric; None if it cannot be tested."""
    return differences(before, after, [metric], groups).get(metric.name)


def differences(
    before: ClassScores | NumberScores,
    after: ClassScores | NumberScores,
    metrics: Sequence[Metric],
    groups: np.ndarray | None = None,
) -> dict[str, dict]:
    """Of each metric that is defined for both predictions of the same rows: both values, their difference with its
    95 % interval, and its p-value.

    The interval is a paired bootstrap: each resample draws the same rows, or `groups` of rows, for both. The p-value is
    that of the bootstrap; of the accuracy, McNemar's exact one (1947). `is_clear` if both say so. Empty if there are
    fewer than MIN_ROWS, or if one side lacks rows: a prediction can be infinite.
    """
    codes = np.arange(len(before)) if groups is None else pandas.factorize(groups)[0]
    if not len(before) == len(after) == len(codes) or codes.max(initial=-1) + 1 < MIN_ROWS:
        return {}
    if isinstance(before, NumberScores) and not np.array_equal(before.actual, after.actual):
        return {}
    with threads.limited_to(1):  # for vectors, see registry.evaluation.scores
        values = [one.values(np.ones(len(one))) for one in (before, after)]
        names = [one.name for one in metrics if all(side.get(one.name) is not None for side in values)]
        drawn = _drawn(before, after, [name for name in names if name not in RANKED], codes)
        drawn |= _drawn(before, after, [name for name in names if name in RANKED], codes)
    found = {}
    for name in names:
        if len(drawn[name]) >= RESAMPLES / 2:
            p_value = _mcnemar(before, after) if groups is None and name in HITS else None
            found[name] = _tested(*(float(side[name]) for side in values), drawn[name], p_value)
    return found


def _tested(before: float, after: float, deviations: np.ndarray, p_value: float | None) -> dict:
    low, high = (after - before + np.quantile(deviations, [0.025, 0.975])).tolist()
    p_value = _p_value(after - before + deviations) if p_value is None else p_value
    return {
        "before": before,
        "after": after,
        "difference": after - before,
        "interval": [low, high],
        "p_value": float(p_value),
        "is_clear": bool((low > 0 or high < 0) and p_value < SIGNIFICANCE),
    }


def _drawn(before, after, names: list[str], codes: np.ndarray) -> dict[str, np.ndarray]:
    """By how much the difference of each metric deviates from its median in the resamples.

    The spread follows the number of groups: a sample of the rows that has all of them needs no correction.
    """
    if not names:
        return {}
    random = np.random.default_rng(0)
    is_ranked = names[0] in RANKED
    limit = max(MAX_ROWS // (before.width if is_ranked else 1), MIN_SAMPLE)
    rows, total = np.arange(len(codes)), int(codes.max()) + 1
    if len(rows) > limit:
        rows = np.sort(random.choice(len(rows), limit, replace=False))
    sides = [_part(one, rows, is_ranked=is_ranked) for one in (before, after)]
    codes = pandas.factorize(codes[rows])[0]
    count, drawn = int(codes.max()) + 1, {name: [] for name in names}
    for _ in range(RESAMPLES):
        times = np.bincount(random.integers(count, size=count), minlength=count)[codes].astype(float)
        first, second = (side.values(times) for side in sides)
        for name in names:
            if first[name] is not None and second[name] is not None:
                drawn[name].append(second[name] - first[name])
    scale = math.sqrt(count / total)
    return {name: _deviations(np.array(values)) * scale for name, values in drawn.items()}


def _deviations(values: np.ndarray) -> np.ndarray:
    return values - np.median(values) if len(values) else values


def _part(scores, rows: np.ndarray, *, is_ranked: bool):
    part = scores.take(rows)
    if isinstance(part, ClassScores) and not is_ranked:
        part.ranks = {}
    return part


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, by the method of Holm (1979)."""
    found, highest = [0.0] * len(p_values), 0.0
    for number, place in enumerate(np.argsort(p_values, kind="stable")):
        found[place] = highest = max(highest, min(p_values[place] * (len(p_values) - number), 1.0))
    return found


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
