"""What the diagnostics of a model version are computed from. No Django models or settings."""

import time
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas

from registry.evaluation import definitions, measurement
from registry.evaluation.row_samples import at_random
from registry.evaluation.scores import Scores

MAX_ROWS = 20_000  # of the held-out rows; more change no picture


def sample(count: int) -> np.ndarray | None:
    """The positions of at most MAX_ROWS of so many rows, in order; None for all."""
    if count <= MAX_ROWS:
        return None
    return at_random(count, MAX_ROWS)


@dataclass
class HeldOut:
    """A measured pipeline with its held-out rows: of a clusterer all rows, without `y`.

    `X` has the raw input columns, in the order of `inputs`, which are those of the signature: name, type and so on.
    Its index counts the rows of the dataset version from `first_row`. `primary_metric` can be "", as that of a version.
    `deadline` is an instant of time.monotonic(): a section that repeats something stops there with what it has.
    `train` has the training rows, if they are known, `known_scores` the predictions if they were made before, and
    `sections` those that were computed before.
    """

    pipeline: object
    X: pandas.DataFrame
    y: np.ndarray | None
    task: str
    inputs: list[dict]
    primary_metric: str = ""
    first_row: int = 0
    deadline: float = float("inf")
    train: pandas.DataFrame | None = None
    known_scores: Scores | None = None
    sections: dict[str, dict] = field(default_factory=dict)

    @classmethod
    def sampled(
        cls,
        pipeline,
        X: pandas.DataFrame,
        y: np.ndarray | None,
        *,
        known_scores: Scores | None = None,
        **fields,
    ) -> "HeldOut":
        """At most MAX_ROWS of the rows, drawn at random with a fixed seed, in their order.

        They are predicted again only if `known_scores` has no prediction for some row: a regressor's can be infinite.
        """
        rows = sample(len(X))
        if rows is None:
            return cls(pipeline, X, y, known_scores=known_scores, **fields)
        known = (
            known_scores.sample(rows) if known_scores is not None and len(known_scores) == len(X) else None
        )
        return cls(pipeline, X.iloc[rows], None if y is None else y[rows], known_scores=known, **fields)

    @cached_property
    def scores(self) -> Scores:
        """The predictions for all rows; not of a clusterer."""
        if self.known_scores is not None:
            return self.known_scores
        return measurement.predict(self.pipeline, self.X, self.y, task=self.task, warnings=[])

    @cached_property
    def measured(self) -> np.ndarray:
        """The positions of the rows that `scores` has: a regressor's prediction can be infinite."""
        if len(self.scores) == len(self.X):
            return np.arange(len(self.X))
        return np.flatnonzero(np.isfinite(np.ravel(self.pipeline.predict(self.X))))

    @property
    def metric(self) -> definitions.Metric:
        return definitions.primary(self.primary_metric, task=self.task)

    @property
    def row_numbers(self) -> np.ndarray:
        """Of each row of `X` its number in the dataset version, from 1."""
        return self.X.index.to_numpy() - self.first_row + 1

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()
