"""How well a model predicts parts of its held-out rows: where it fails. No Django models or settings.

Slices are compared by a mean over their rows, with the rows taken as independent: for a share of rows by Wilson's
interval and Fisher's exact test, else by Student's interval and Welch's test. The p-values of all slices are corrected
by Holm's method (1979): with a chance of at least 95 %, none is called clear by chance.
"""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas

from registry.diagnostics.held_out import HeldOut
from registry.estimators import threads
from registry.evaluation import definitions, paired
from registry.evaluation.cells import cell
from registry.evaluation.scores import ClassScores, NumberScores

MIN_ROWS = 10
MAX_VALUES = 20  # of a column, the most frequent ones; the others are one slice
MAX_DISTINCT = 8  # up to which whole numbers are sliced by value
QUANTILES = (0.25, 0.5, 0.75)
MAX_SLICES = 300
MAX_CLASSES = 10  # whose counts are kept for each slice
MAX_TEXT = 200  # characters of a value
SHARE_OF_TIME = 0.4  # of the time that is left when they begin
SIGNIFICANCE = 0.05
ROUNDING = 1e-7
Z = 1.959964  # of a 95 % interval
# These compare the rows of a slice with each other, or weigh its classes by their size: a slice of similar rows, or of
# one class, has a bad R², ROC AUC or balanced accuracy by itself.
INSTEAD = {
    **dict.fromkeys(("balanced_accuracy", "f1_score", "precision", "matthews_corrcoef"), "accuracy"),
    **dict.fromkeys(("roc_auc", "average_precision"), "log_loss"),
    "r2": "rmse",
    "median_absolute_error": "mae",
}
ALSO = {"classification": ["accuracy", "f1_score"], "regression": ["mae", "median_absolute_error"]}


@dataclass
class Slice:
    """Some of the measured rows: with one value of a column, with values from low to high, or without a value."""

    described: dict
    rows: np.ndarray  # positions in the scores


def section(held_out: HeldOut) -> dict | None:
    """The slices of each input column, the worst first, with the whole they are compared with.

    None of a clusterer, and if the metric is not finite: the square of 1e200 is not.
    """
    if held_out.task == "clustering":
        return None
    metric = definitions.BY_NAME[INSTEAD.get(held_out.metric.name, held_out.metric.name)]
    if held_out.scores.values().get(metric.name) is None:
        metric = definitions.BY_NAME[definitions.DEFAULT_METRICS[held_out.task]]
    with threads.limited_to(1):  # for vectors, see registry.evaluation.scores
        return _measured(held_out, metric)


def _measured(held_out: HeldOut, metric: definitions.Metric) -> dict | None:
    scores = held_out.scores
    names = dict.fromkeys([held_out.metric.name, *ALSO[held_out.task]])
    also = [name for name in names if name != metric.name][:2]
    if not {metric.name, *also} & set(paired.RANKED):
        scores = copy.copy(scores)
        scores.ranks = {}  # to sort the rows of each slice takes most of the time
    measure = Measure(scores, metric, also)
    if not math.isfinite(measure.whole[metric.name]):
        return None
    deadline = time.monotonic() + SHARE_OF_TIME * held_out.seconds_left
    found, columns = [], []
    for column in held_out.inputs:
        parts = list(_slices(held_out.X[column["name"]].iloc[held_out.measured], column))
        if time.monotonic() > deadline or len(found) + len(parts) > MAX_SLICES:
            break
        measured = [part.described | measure.of(part.rows) for part in parts]
        found += [one for one in measured if all(map(math.isfinite, one["interval"]))]
        columns.append(column["name"])
    _correct(found)
    sign = -1 if metric.better == definitions.HIGHER else 1
    found.sort(key=lambda one: _order(one, sign))
    return {
        "metric": metric.name,
        "also": also,
        "rows": len(scores),
        "whole": measure.whole,
        "min_rows": MIN_ROWS,
        "classes": measure.classes,
        "slices": found,
        "columns": columns,
        "columns_left_out": len(held_out.inputs) - len(columns),
    }


def _order(one: dict, sign: int) -> tuple:
    """First those that are clearly worse, then the others; the largest difference first."""
    badness = sign * one["difference"]
    return (not (one["is_clear"] and badness > 0), -badness)


def _slices(values: pandas.Series, column: dict) -> Iterator[Slice]:
    """The slices of a column that have enough rows, unless it has only one."""
    missing = values.isna().to_numpy(bool)
    present = np.flatnonzero(~missing)
    described = {"column": column["name"], "type": column["type"]}
    found = [Slice({"kind": "missing"}, np.flatnonzero(missing))]
    known = values.iloc[present]
    is_measure = column["type"] not in ("text", "boolean")
    distinct = known.nunique()
    if is_measure and not (column["type"] == "integer" and distinct <= MAX_DISTINCT):
        found += [Slice(ends, present[rows]) for ends, rows in _quantiles(known, column["type"])]
    else:
        found += [Slice(one, present[rows]) for one, rows in _values(known, distinct, column["type"])]
    found = [one for one in found if len(one.rows) >= MIN_ROWS]
    if len(found) > 1 or (found and len(found[0].rows) < len(values)):
        for one in found:
            yield Slice(described | one.described, one.rows)


def _values(known: pandas.Series, distinct: int, type_: str) -> Iterator[tuple[dict, np.ndarray]]:
    codes, values = pandas.factorize(known)
    counts = np.bincount(codes, minlength=len(values))
    frequent = [code for code in np.argsort(-counts, kind="stable")[:MAX_VALUES] if counts[code] >= MIN_ROWS]
    for code in frequent:
        value = cell(values[code], type_)
        yield (
            {"kind": "value", "value": value[:MAX_TEXT] if isinstance(value, str) else value},
            np.flatnonzero(codes == code),
        )
    if distinct > len(frequent):
        yield (
            {"kind": "other", "distinct": distinct - len(frequent)},
            np.flatnonzero(~np.isin(codes, frequent)),
        )


def _quantiles(known: pandas.Series, type_: str) -> Iterator[tuple[dict, np.ndarray]]:
    """Quarters of the rows by their value; equal values are in one slice."""
    if known.empty:
        return
    numbers = known.to_numpy()
    ordered = numbers.astype("int64") if numbers.dtype.kind == "M" else numbers.astype(float)
    edges = np.unique(np.quantile(ordered, QUANTILES, method="lower"))
    bins = np.searchsorted(edges, ordered, side="left")
    for number in np.unique(bins):
        rows = np.flatnonzero(bins == number)
        inside = known.iloc[rows]
        ends = {"low": cell(inside.min(), type_), "high": cell(inside.max(), type_)}
        yield {"kind": "range", **ends}, rows


class Measure:
    """The metrics of some of the rows, and how they differ from those of the other rows."""

    def __init__(self, scores: ClassScores | NumberScores, metric: definitions.Metric, also: list[str]):
        self.scores, self.metric, self.names = scores, metric.name, [metric.name, *also]
        is_classes = isinstance(scores, ClassScores)
        has_few = is_classes and scores.count <= MAX_CLASSES
        self.classes = [cell(one) for one in scores.classes] if has_few else None
        hits = (scores.true == scores.predicted).astype(float) if is_classes else None
        self.losses = dict.fromkeys(paired.HITS, hits) if is_classes else {}
        self.losses |= scores.losses
        if "mse" in self.losses:
            self.losses["rmse"] = self.losses["mse"]
        self.whole = self._values(scores, np.arange(len(scores)))

    def of(self, rows: np.ndarray) -> dict:
        values = self._values(self.scores.take(rows), rows)
        interval, p_value = self._compared(rows)
        return {
            "rows": len(rows),
            "values": values,
            "interval": interval,
            "difference": values[self.metric] - self.whole[self.metric],
            "p_value": p_value,
            "is_clear": False,
            **self._counts(rows),
        }

    def _values(self, part: ClassScores | NumberScores, rows: np.ndarray) -> dict:
        found = part.values(np.ones(len(rows)))
        values = {name: found[name] for name in self.names}
        if isinstance(part, NumberScores):
            values["mean_error"] = float((part.predicted - part.actual).mean())
        return values

    def _counts(self, rows: np.ndarray) -> dict:
        """Of each class how many rows have it, for how many it is predicted, and for how many rightly."""
        if self.classes is None:
            return {}
        true, predicted = self.scores.true[rows], self.scores.predicted[rows]
        kinds = {"actual": true, "predicted": predicted, "correct": true[true == predicted]}
        counts = {k: np.bincount(codes, minlength=len(self.classes)) for k, codes in kinds.items()}
        return {"counts": counts}

    def _compared(self, rows: np.ndarray) -> tuple[list[float], float | None]:
        """The 95 % interval of the metric of these rows, and the p-value of its difference to that of the others."""
        is_other = np.ones(len(self.scores), bool)
        is_other[rows] = False
        inside, outside = self.losses[self.metric][rows], self.losses[self.metric][is_other]
        if self.metric in paired.HITS or self.metric.startswith("top_"):
            return wilson(inside.sum(), len(inside)), _fisher(inside, outside)
        from scipy import stats

        error = stats.sem(inside) * stats.t.ppf(0.975, len(inside) - 1)
        interval = [inside.mean() - error, inside.mean() + error]
        if self.metric == "rmse":
            interval = [math.sqrt(max(end, 0)) for end in interval]
        if len(outside) < 2 or (np.ptp(inside) == 0 and np.ptp(outside) == 0):
            return interval, None
        p_value = float(stats.ttest_ind(inside, outside, equal_var=False).pvalue)
        return interval, p_value if math.isfinite(p_value) else None  # NaN of losses that overflow


def wilson(hits: float, count: int) -> list[float]:
    """Wilson's 95 % interval of a share."""
    share, square = hits / count, Z**2 / count
    middle = (share + square / 2) / (1 + square)
    half = Z * math.sqrt(share * (1 - share) / count + square / count / 4) / (1 + square)
    return [max(middle - half, 0), min(middle + half, 1)]


def _fisher(inside: np.ndarray, outside: np.ndarray) -> float:
    """Fisher's exact test, two-sided, as scipy's fisher_exact: the chance of a table that is no likelier than this one.

    All tables are computed at once, which takes a fifth of the time of scipy's search for the ends.
    """
    from scipy.special import gammaln

    size, rows = len(inside), len(inside) + len(outside)
    hits = round(inside.sum() + outside.sum())
    found = np.arange(max(0, size + hits - rows), min(size, hits) + 1)
    logs = -sum(
        gammaln(count + 1) for count in (found, size - found, hits - found, rows - size - hits + found)
    )
    chances = np.exp(logs - logs.max())
    own = chances[round(inside.sum()) - found[0]]
    return float(chances[chances <= own * (1 + ROUNDING)].sum() / chances.sum())


def _correct(found: list[dict]) -> None:
    """Replace the p-values by those that are corrected for their number, and say which slices are clear."""
    tested = [one for one in found if one["p_value"] is not None]
    for one, p_value in zip(tested, paired.holm([one["p_value"] for one in tested]), strict=True):
        one["p_value"], one["is_clear"] = p_value, p_value < SIGNIFICANCE
