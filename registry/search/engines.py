"""Where the trials of a group are measured: in this process one after the other, or several at once by a cluster.

Either way, a trial is suggested from the outcomes of the trials before a fixed number of others, and ends before those
after it. So the trials of a request and a seed do not depend on the number of workers, or on which of them is fast.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError

from mlplatform.compute import cluster
from registry.models import Trial
from registry.search.candidates import Candidate
from registry.search.folds import Folds, Measured
from registry.search.objective import Objective
from registry.search.time_limit import limited
from registry.search.trial_run import Outcome
from registry.training.request import TrainingRequest

# Trials at once. TPE learns from all before them, so that with more it would learn less.
TRIALS_AT_ONCE = {"tpe": 4, "random": 16, "halving": 16}
MEASURE = "registry.search.engines.measure"
OUT_OF_MEMORY = "out of memory"


class OneProcess:
    """Measures the trials in this process, on all cores."""

    at_once = workers = 1

    def __init__(self, folds: Folds):
        self._folds = folds

    def begin(self, number: int, candidate: TrainingRequest, objective: Objective) -> Folds:
        return self._folds

    def end(self, folds: Folds) -> None:
        """Nothing goes on once a trial has ended."""


class Distributed:
    """Measures each fold of each trial as a task of a cluster. Earlier trials and folds come first."""

    def __init__(self, folds: Folds, compute: cluster.Cluster, *, at_once: int, with_outputs: bool):
        self.at_once, self.workers, self.with_outputs = at_once, compute.workers, with_outputs
        self._count, self._compute = len(folds), compute
        self._folds = compute.share(folds)

    def begin(self, number: int, candidate: TrainingRequest, objective: Objective) -> "SubmittedFolds":
        arguments = candidate.to_dict(), objective.metric, objective.classes, self.with_outputs
        return SubmittedFolds(
            [
                self._compute.submit(MEASURE, self._folds, fold, *arguments, priority=-number)
                for fold in range(self._count)
            ]
        )

    def end(self, folds: "SubmittedFolds") -> None:
        folds.cancel()


class SubmittedFolds:
    """The folds of one trial, which a cluster measures."""

    def __init__(self, tasks: list[cluster.Task]):
        self._tasks = tasks

    def __len__(self):
        return len(self._tasks)

    def measure(
        self, candidate: TrainingRequest, fold: int, objective: Objective, *, limit_s: float | None
    ) -> Measured:
        """Wait for a fold. Raises TimeIsOver, and what Folds.measure() raised there."""
        try:
            with limited(limit_s):
                result = self._tasks[fold].result()
        except cluster.WorkersDied as error:
            raise ValidationError(
                f"{candidate.algorithm.name} ended each process that fitted it, as happens when memory runs out.",
                code="fit_failed",
            ) from error
        if isinstance(result, Measured):
            return result
        if result == OUT_OF_MEMORY:
            raise MemoryError
        raise ValidationError(result, code="fit_failed")

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()


def measure(
    folds: Folds, fold: int, candidate: dict, metric: str, classes: list | None, with_outputs: bool
) -> Measured | str:
    """On a worker: one fold of a trial, or why it failed."""
    try:
        measured = folds.measure(TrainingRequest.from_dict(candidate), fold, Objective(metric, classes))
    except ValidationError as error:
        return error.messages[0]
    except MemoryError:
        return OUT_OF_MEMORY
    return measured if with_outputs else replace(measured, outputs=None)


Engine = OneProcess | Distributed


@dataclass
class Begun:
    """A trial that an engine measures, or whose outcome is known."""

    trial: Trial
    candidate: Candidate
    known: Outcome | None
    folds: Folds | SubmittedFolds | None


@contextlib.contextmanager
def engine(
    folds: Folds, *, method: str, with_outputs: bool, name: str, report: Callable[[str], None]
) -> Iterator[Engine]:
    """The engine that the settings choose, until the block ends, and with it what still runs."""
    if not cluster.is_configured():
        yield OneProcess(folds)
        return
    with cluster.connected(name=name, report=report) as compute:
        yield Distributed(folds, compute, at_once=TRIALS_AT_ONCE[method], with_outputs=with_outputs)
