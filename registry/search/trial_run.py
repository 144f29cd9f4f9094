"""Run one trial on the folds. No Django models."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from django.core.exceptions import ValidationError

from registry.estimators import errors
from registry.search.folds import Folds
from registry.search.objective import Objective, Outputs
from registry.search.time_limit import FEW_ROWS, Crashed, TimeIsOver, call_in_process, is_iterative, limited
from registry.training.request import TrainingRequest

OUT_OF_TIME = "Stopped when the time budget was over."


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
    folds: Folds,
    objective: Objective,
    *,
    is_hopeless: Callable[[list[float]], bool] = lambda gains: False,
    report: Callable[[list[float]], None] = lambda scores: None,
    limit_s: float | None = None,
) -> Outcome:
    """Fit and score a candidate on one fold after the other, until it is hopeless or the time is over.

    `is_hopeless` is asked after each fold but the last, with the gains so far; `report` gets their scores.
    """
    outcome, started = Outcome(), time.monotonic()
    try:
        for fold in range(len(folds)):
            left = None if limit_s is None else limit_s - (time.monotonic() - started)
            outputs = _outputs(candidate, folds, fold, limit_s=left)
            with errors.as_validation_errors(candidate.algorithm, []):
                outcome.scores.append(objective.score(folds.tested(fold), outputs))
            outcome.outputs.append(outputs)
            report(outcome.scores)
            if is_hopeless([objective.gain(score) for score in outcome.scores]) and fold < len(folds) - 1:
                outcome.state = "pruned"
                break
    except TimeIsOver:
        outcome.state, outcome.error = "pruned", OUT_OF_TIME
    except ValidationError as error:
        outcome.state, outcome.error = "failed", error.messages[0]
    except MemoryError:
        outcome.state = "failed"
        outcome.error = f"{candidate.algorithm.name} ran out of memory."
    outcome.duration_s = time.monotonic() - started
    return outcome


def _outputs(candidate: TrainingRequest, folds: Folds, fold: int, *, limit_s: float | None) -> Outputs:
    """Those of a fold. A fit that no signal interrupts runs in a process, if there are rows enough to wait for it."""

    def fitted() -> Outputs:
        with errors.as_validation_errors(candidate.algorithm, []):
            return folds.outputs(candidate, fold)

    started = time.monotonic()
    is_short = len(folds.y) <= FEW_ROWS or is_iterative(candidate.algorithm.name)
    with limited(limit_s):
        if limit_s is None or is_short:
            return fitted()
        with errors.as_validation_errors(candidate.algorithm, []):
            folds.prepare(candidate, fold)  # here, for the trials that need the same numbers
    try:
        return call_in_process(fitted, limit_s=limit_s - (time.monotonic() - started))
    except Crashed as error:
        name = candidate.algorithm.name
        raise ValidationError(f"{name} could not be fitted: {error}", code="fit_failed") from error
