"""Run one trial on the folds. No Django models."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from django.core.exceptions import ValidationError

from registry.search.folds import Measured
from registry.search.objective import Objective, Outputs
from registry.search.time_limit import TimeIsOver
from registry.training.request import TrainingRequest

OUT_OF_TIME = "Stopped when the time budget was over."


class MeasuredFolds(Protocol):
    """The folds of this process, or those that a cluster measures."""

    def __len__(self) -> int: ...

    def measure(
        self, candidate: TrainingRequest, fold: int, objective: Objective, *, limit_s: float | None
    ) -> Measured: ...


@dataclass
class Outcome:
    """How a trial ended: complete, pruned or failed. `outputs` are those of each fold that was measured."""

    state: str = "complete"
    scores: list[float] = field(default_factory=list)
    error: str = ""
    duration_s: float = 0
    outputs: list[Outputs] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        return float(np.mean(self.scores)) if self.scores else None


def run(
    candidate: TrainingRequest,
    folds: MeasuredFolds,
    objective: Objective,
    *,
    is_hopeless: Callable[[list[float]], bool] = lambda gains: False,
    report: Callable[[list[float]], None] = lambda scores: None,
    limit_s: float | None = None,
) -> Outcome:
    """Measure a candidate on one fold after the other, until it is hopeless or the time is over.

    `is_hopeless` is asked after each fold but the last, with the gains so far; `report` gets their scores.
    """
    outcome, started = Outcome(), time.monotonic()
    begun = started  # the last fold
    try:
        for fold in range(len(folds)):
            begun = time.monotonic()
            left = None if limit_s is None else limit_s - (begun - started)
            measured = folds.measure(candidate, fold, objective, limit_s=left)
            outcome.scores.append(measured.score)
            outcome.outputs.append(measured.outputs)
            outcome.duration_s += measured.seconds
            report(outcome.scores)
            if is_hopeless([objective.gain(score) for score in outcome.scores]) and fold < len(folds) - 1:
                outcome.state = "pruned"
                break
    except TimeIsOver:
        outcome.state, outcome.error = "pruned", OUT_OF_TIME
        outcome.duration_s += time.monotonic() - begun
    except ValidationError as error:
        outcome.state, outcome.error = "failed", error.messages[0]
        outcome.duration_s += time.monotonic() - begun
    except MemoryError:
        outcome.state = "failed"
        outcome.error = f"{candidate.algorithm.name} ran out of memory."
        outcome.duration_s += time.monotonic() - begun
    return outcome
