"""The trials of a group: written as they end, and in the order of their scores."""

import time
from dataclasses import dataclass
from functools import partial

from django.db import transaction

from mlplatform.errors import Conflict
from mlplatform.jobs import leases
from mlplatform.jobs.models import Job
from mlplatform.jobs.retries import database_may_be_unavailable, with_retries
from registry.models import TrainingGroup, Trial
from registry.search.objective import is_higher_better
from registry.search.trial_run import Outcome
from registry.training.request import TrainingRequest

REPORT_EVERY_S = 0.5


def ranked(group: TrainingGroup, trials: list[Trial]) -> list[Trial]:
    """The best first: complete trials by their mean, then those that were stopped, the running and the failed ones."""
    order = [Trial.State.COMPLETE, Trial.State.PRUNED, Trial.State.RUNNING, Trial.State.FAILED]
    sign = -1 if is_higher_better(group.metric) else 1

    def key(trial: Trial) -> tuple:
        has_mean = trial.mean is not None
        # Of those that were stopped, the means of different numbers of folds are not comparable.
        folds = -len(trial.fold_scores) if trial.state == Trial.State.PRUNED else 0
        return (
            order.index(trial.state),
            not has_mean,
            folds,
            sign * trial.mean if has_mean else 0,
            trial.number,
        )

    return sorted(trials, key=key)


def of_group(group: TrainingGroup) -> list[Trial]:
    """Its trials, the best first. After the end of its job, a trial that was running is none: it was stopped."""
    trials = group.trials.with_versions()
    if group.job.is_finished:
        trials = trials.exclude(state=Trial.State.RUNNING)
    return ranked(group, list(trials))


@dataclass
class Recorder:
    """Writes the trials of a job's attempt. Raises Conflict if the job no longer belongs to it."""

    job: Job
    group: TrainingGroup
    retry_s: float
    reported_at: float = 0

    def finished(self) -> list[Trial]:
        """The trials of earlier attempts; one that did not end is forgotten."""
        self._write(lambda: self.group.trials.filter(state=Trial.State.RUNNING).delete())
        return list(self.group.trials.all())

    def start(self, number: int, candidate: TrainingRequest) -> Trial:
        trial = Trial(
            group=self.group,
            number=number,
            module=candidate.module,
            algorithm=candidate.class_name,
            params=candidate.params,
        )
        self._write(trial.save)
        self.reported_at = time.monotonic()
        return trial

    def report(self, trial: Trial, scores: list[float]) -> None:
        """Show the scores so far, at most twice a second. Without effect if the database is unavailable."""
        if time.monotonic() - self.reported_at >= REPORT_EVERY_S:
            self.reported_at = time.monotonic()
            with database_may_be_unavailable():
                Trial.objects.filter(pk=trial.pk).update(fold_scores=scores, mean=sum(scores) / len(scores))

    def finish(self, trial: Trial, outcome: Outcome) -> Trial:
        trial.state, trial.error = outcome.state, outcome.error
        trial.fold_scores, trial.mean, trial.duration_s = outcome.scores, outcome.mean, outcome.duration_s
        self._write(trial.save)
        return trial

    def note(self, trial: Trial, error: str) -> None:
        """Write why a complete trial could not be fitted on all training rows."""
        trial.error = error
        self._write(partial(trial.save, update_fields=["error"]))

    def _write(self, write) -> None:
        def in_turn() -> None:
            with transaction.atomic():
                if not leases.renew(self.job):
                    raise Conflict("Another attempt of this job has taken over.", code="superseded")
                write()

        with_retries(in_turn, for_s=self.retry_s)
