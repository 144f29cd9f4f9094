"""What the diagnostics of a model version are computed from. No Django models or settings."""

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas

from registry.evaluation import measurement
from registry.evaluation.scores import ClassScores, NumberScores

MAX_ROWS = 20_000  # of the held-out rows; more change no picture


@dataclass
class HeldOut:
    """A measured pipeline with its held-out rows: of a clusterer all rows, without `y`.

    `X` has the raw input columns, in the order of `inputs`, which are those of the signature: name, type and so on.
    `deadline` is an instant of time.monotonic(): a section that repeats something stops there with what it has.
    """

    pipeline: object
    X: pandas.DataFrame
    y: np.ndarray | None
    task: str
    inputs: list[dict]
    deadline: float = float("inf")

    @classmethod
    def sampled(cls, pipeline, X: pandas.DataFrame, y: np.ndarray | None, **fields) -> "HeldOut":
        """At most MAX_ROWS of the rows, drawn at random with a fixed seed, in their order."""
        if len(X) > MAX_ROWS:
            rows = np.sort(np.random.default_rng(0).choice(len(X), MAX_ROWS, replace=False))
            X, y = X.iloc[rows], None if y is None else y[rows]
        return cls(pipeline, X, y, **fields)

    @cached_property
    def scores(self) -> ClassScores | NumberScores:
        """The predictions for all rows; not of a clusterer."""
        return measurement.predict(self.pipeline, self.X, self.y, task=self.task, warnings=[])

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()
