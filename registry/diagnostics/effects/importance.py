"""Permutation importance of the input columns on held-out rows (Breiman 2001). No Django models or settings.

A column is as important as the primary metric is worse if its values are shuffled among the rows. The values are those
of sklearn.inspection.permutation_importance with the random state 0 on the same rows.
"""

import time

import numpy as np
import pandas

from registry.diagnostics.held_out import HeldOut
from registry.evaluation import measurement
from registry.evaluation.definitions import BY_NAME, DEFAULT_METRICS, HIGHER
from registry.evaluation.row_samples import at_random

REPEATS, MIN_REPEATS = 5, 2
MAX_ROWS, MIN_ROWS = 5_000, 200  # that are shuffled; the fewer, the larger the spread
# Copies of the rows with one column shuffled in each, that are predicted at once.
BATCH_ROWS, BATCH_CELLS, BATCH_S = 20_000, 4_000_000, 0.5
TIMED_ROWS = 1_000  # whose prediction is timed
SHARE = 0.5  # of the time that is left
MAX_NAMES = 100  # of columns that were not reached


def measure(held_out: HeldOut) -> dict | None:
    """`columns` from the most important: mean and standard deviation of the repeats; `baseline` is the metric as it is.

    All columns have a first repeat before any has a second. `not_reached` counts those without any when the time was
    over, with the first of them as `not_reached_names`.
    """
    if held_out.task == "clustering":
        return None
    deadline = time.monotonic() + SHARE * held_out.seconds_left
    score = _Score(held_out)
    rows, repeats, batch_rows = _affordable(score, held_out, deadline)
    X, y = held_out.X.iloc[rows], held_out.y[rows]
    baseline = score([score.prepared(X)], y)[0]
    if baseline is None:  # of a metric that these rows do not have, such as areas without a rare class
        score.use(DEFAULT_METRICS[held_out.task])
        baseline = score([score.prepared(X)], y)[0]
    if baseline is None:
        return None
    values = _shuffled(score, X, y, repeats, deadline, batch_rows=batch_rows)
    columns = [
        {
            "column": name,
            "mean": float(np.mean(found)),
            "std": float(np.std(found)) if len(found) > 1 else None,
            "repeats": found,
        }
        for name, scores in values.items()
        if (found := [score.sign * (baseline - one) for one in scores if one is not None])
    ]
    missing = [name for name, found in values.items() if not found]
    return {
        "metric": score.metric,
        "baseline": baseline,
        "rows": len(rows),
        "of_rows": len(held_out.X),
        "columns": sorted(columns, key=lambda one: -one["mean"]),
        "not_reached": len(missing),
        "not_reached_names": missing[:MAX_NAMES],
    }


class _Score:
    """The primary metric of a pipeline, or the usual one if the rows have not the primary one.

    If each encoded column is made of one input, the rows are encoded once and shuffled as such: the values are the
    same, without the encoding of each shuffle.
    """

    def __init__(self, held_out: HeldOut):
        self.pipeline, self.task, self.encoder = held_out.pipeline, held_out.task, None
        self.places = _places(held_out.pipeline, held_out.X.columns)
        if self.places:
            self.encoder, self.pipeline = held_out.pipeline["columns"], held_out.pipeline[1:]
        self.use(held_out.metric.name)
        if held_out.scores.values().get(self.metric) is None:
            self.use(DEFAULT_METRICS[self.task])

    def use(self, metric: str) -> None:
        self.metric, self.sign = metric, 1 if BY_NAME[metric].better == HIGHER else -1

    def prepared(self, X: pandas.DataFrame):
        """The rows as a frame, or encoded."""
        return X if self.encoder is None else np.asarray(self.encoder.transform(X))

    def shuffled(self, rows, column: str, order: np.ndarray):
        """A copy of prepared rows with the values of a column in another order."""
        if self.encoder is None:
            return rows.assign(**{column: rows[column].iloc[order].array})
        copy, places = rows.copy(), self.places[column]
        copy[:, places] = rows[:, places][order]
        return copy

    def __call__(self, parts: list, y: np.ndarray) -> list[float | None]:
        """The metric of each part, prepared rows with the targets `y`; all parts are predicted at once."""
        joined = pandas.concat(parts, ignore_index=True) if self.encoder is None else np.concatenate(parts)
        together = self._predict(joined, np.tile(y, len(parts)))
        if len(together) == len(joined):
            scores = [
                together.take(np.arange(len(y)) + len(y) * number) if len(parts) > 1 else together
                for number in range(len(parts))
            ]
        else:  # some predictions are not finite, and left out
            scores = [self._predict(part, y) for part in parts]
        values = [one.values(np.ones(len(one))).get(self.metric) for one in scores]
        return [None if value is None else float(value) for value in values]

    def _predict(self, rows, y: np.ndarray):
        return measurement.predict(self.pipeline, rows, y, task=self.task, warnings=[])


def _places(pipeline, names: pandas.Index) -> dict[str, list[int]] | None:
    """The encoded columns of each input, if each group of columns has only one, or makes one of each."""
    encoder, found = pipeline[0], {}
    for group, _, columns in getattr(encoder, "transformers_", ()):
        columns = [columns] if isinstance(columns, str) else list(columns)
        part = encoder.output_indices_[group]
        where = range(part.start, part.stop)
        if len(columns) == 1:
            found[columns[0]] = list(where)
        elif len(where) == len(columns):
            found |= {name: [place] for name, place in zip(columns, where, strict=True)}
        else:
            return None
    return found if set(found) == set(names) else None


def _affordable(score: _Score, held_out: HeldOut, deadline: float) -> tuple[np.ndarray, int, int]:
    """The positions of the rows to shuffle, the repeats, and the rows of a batch: first rows are saved."""
    count = len(held_out.X)
    sample = at_random(count, MIN_ROWS)
    copies = max(TIMED_ROWS // len(sample), 1)  # a call has a cost of its own, which batches share
    started = time.monotonic()
    score([score.prepared(held_out.X.iloc[sample])] * copies, held_out.y[sample])
    row_s = (time.monotonic() - started) / (len(sample) * copies)
    left = max(deadline - time.monotonic(), 0)
    evaluations = left / row_s / held_out.X.shape[1]  # rows x repeats of a column
    size = int(min(count, MAX_ROWS, max(evaluations / REPEATS, MIN_ROWS)))
    repeats = int(min(REPEATS, max(evaluations / size, MIN_REPEATS)))
    rows = at_random(count, size)
    return rows, repeats, int(min(BATCH_ROWS, BATCH_S / row_s))


def _shuffled(
    score: _Score, X, y, repeats: int, deadline: float, *, batch_rows: int
) -> dict[str, list[float]]:
    """The metric with each column shuffled, once a repeat: all columns in the same order, as scikit-learn shuffles
    them, which shuffles again what the repeat before has shuffled."""
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max + 1)
    random, step, order = np.random.RandomState(seed), np.arange(len(X)), np.arange(len(X))
    rows = score.prepared(X)
    size = max(min(batch_rows // len(rows), BATCH_CELLS // rows.size), 1)
    found = {name: [] for name in X.columns}
    for _ in range(repeats):
        random.shuffle(step)
        order = order[step]
        for start in range(0, len(X.columns), size):
            if time.monotonic() > deadline and any(found.values()):
                return found
            names = X.columns[start : start + size]
            parts = [score.shuffled(rows, name, order) for name in names]
            for name, value in zip(names, score(parts, y), strict=True):
                found[name].append(value)
    return found
