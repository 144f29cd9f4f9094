"""Where the trials of a group are measured: in this process one after the other, or several at once by a cluster.

Either way, a trial is suggested from the outcomes of the trials before a fixed number of others, and ends before those
after it. So the trials of a request and a seed do not depend on the number of workers, or on which of them is fast.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from django.conf import settings
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
OF_MEMORY = 0.25  # of the limit of a process, for prepared folds


def prepared_bytes() -> float:
    """What this process may keep of prepared folds: a worker of a cluster has less memory than the job."""
    return OF_MEMORY * settings.TRAIN_MEMORY_MB * 1024**2


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
    """Measures each fold of each trial as a task of a cluster. Those of earlier trials come first.

    A trial that may be stopped early has its other folds measured once its first one has shown that it goes on and the
    trials before it have ended: otherwise workers would measure folds of hopeless trials.
    """

    def __init__(self, folds: Folds, compute: cluster.Cluster, *, method: str, with_outputs: bool):
        self.at_once, self.workers = TRIALS_AT_ONCE[method], compute.workers
        self._are_stopped_early, self._with_outputs = method != "random", with_outputs
        self._count, self._compute = len(folds), compute
        self._folds = compute.share(folds)

    def begin(self, number: int, candidate: TrainingRequest, objective: Objective) -> "SubmittedFolds":
        arguments = candidate.to_dict(), objective.metric, objective.classes, self._with_outputs

        def submit(fold: int) -> cluster.Task:
            return self._compute.submit(MEASURE, self._folds, fold, *arguments, priority=-number)

        return SubmittedFolds(submit, self._count, at_first=1 if self._are_stopped_early else self._count)

    def end(self, folds: "SubmittedFolds") -> None:
        folds.cancel()


class SubmittedFolds:
    """The folds of one trial, which a cluster measures: some at first, the others when one of them is asked for."""

    def __init__(self, submit: Callable[[int], cluster.Task], count: int, *, at_first: int):
        self._submit, self._count = submit, count
        self._tasks = [submit(fold) for fold in range(at_first)]

    def __len__(self):
        return self._count

    def measure(
        self, candidate: TrainingRequest, fold: int, objective: Objective, *, limit_s: float | None
    ) -> Measured:
        """Wait for a fold. Raises TimeIsOver, and what Folds.measure() raised there."""
        if fold >= len(self._tasks):
            self._tasks += [self._submit(other) for other in range(len(self._tasks), self._count)]
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
    folds.max_bytes = prepared_bytes()
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
    """The engine that the settings choose, until the block ends, and with it what still runs.

    `method` is "random" if no trial learns from others or is stopped early, as of given models.
    """
    if not cluster.is_configured():
        yield OneProcess(folds)
        return
    with cluster.connected(name=name, report=report) as compute:
        yield Distributed(folds, compute, method=method, with_outputs=with_outputs)
