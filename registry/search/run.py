"""Run the job of a training group: read and split once, try the candidates, register the best."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator

from django.core.exceptions import ValidationError

from mlplatform.errors import TrainingFailed
from registry.estimators import threads
from registry.estimators.algorithms import ENSEMBLES
from registry.estimators.parameters import is_same
from registry.models import ModelVersion, TrainingGroup, TrainingJob, Trial
from registry.search import engines, ensemble, trial_run
from registry.search.candidates import Candidate, GivenModels, Suggested
from registry.search.engines import Begun, Engine
from registry.search.folds import FEW_ROWS, Folds
from registry.search.leaderboard import Recorder, ranked
from registry.search.objective import Objective, Outputs
from registry.search.plan import GroupPlan
from registry.search.time_limit import FIXED_S, MARGIN, TimeBudget
from registry.training import cross_validation, pipelines, run
from registry.training.registration import register

Progress = Callable[[str, float | None], None]
MAX_KEPT = 20  # versions of `keep: "all"`
OF_TIME_LIMIT = 0.8  # of a job's limit, for trials without a time budget
ENSEMBLE_SIZE = 3  # the members that there should be time for
SHORTEST_S = 0.1  # of a trial


def fit_seconds(trial: Trial, folds: int) -> float:
    """The estimated time to fit and evaluate a trial's candidate on all training rows."""
    return trial.duration_s / max(len(trial.fold_scores), 1) * folds / (folds - 1)


def run_group(job: TrainingJob, *, progress: Progress, retry_s: float = 0) -> ModelVersion:
    """Run the trials that no earlier attempt has finished, and register the best candidate, or all of them.

    Raises ValidationError with a reason that the user can act on: TrainingFailed (no_trial) if no trial had a score.
    """
    source, plan, started = run.source_of(job), GroupPlan.from_dict(job.request), time.monotonic()
    recorder = Recorder(job, job.group, retry_s)
    trials = recorder.finished()
    progress("loading", None)
    table = run.read(source, request=plan.base)
    progress("checking", None)
    folds = divide(table, plan)
    budget_s = plan.time_budget_s or OF_TIME_LIMIT * job.time_limit_s
    search = Search(job.group, plan, folds, recorder, trials)
    # Threads that wait for each other take longer than the work on few rows.
    with threads.limited_to(1 if len(folds.y) <= FEW_ROWS else None):
        method = "random" if plan.models else plan.method
        options = {"method": method, "with_outputs": plan.is_auto, "name": f"training job {job.pk}"}
        with engines.engine(folds, report=print, **options) as engine:
            earlier_s = sum(trial.duration_s for trial in trials) / engine.workers
            search.run(engine, TimeBudget(budget_s, time.monotonic() - earlier_s), progress)
        left_s = job.time_limit_s - (time.monotonic() - started)
        return register_best(job, search, table, left_s=left_s, progress=progress, retry_s=retry_s)


def divide(table: run.Table, plan: GroupPlan) -> Folds:
    """The folds of the training rows of the split that the last fit makes again, by the same method."""
    base = plan.first_request
    inputs, _, split = pipelines.split_rows(table.frame, table.columns, base, table.measured_on, [])
    rows = len(split.y_train)
    positions = cross_validation.folds(
        split.y_train,
        task=base.task,
        cv=plan.folds(rows),
        repeats=plan.base.cv_repeats,
        groups=split.groups,
        times=split.times,
        random_state=base.random_state,
    )
    return Folds(split, positions, inputs=inputs, task=base.task, max_bytes=engines.prepared_bytes())


class Search:
    """The trials of a group in this attempt and before. run() says how long it may take."""

    def __init__(
        self,
        group: TrainingGroup,
        plan: GroupPlan,
        folds: Folds,
        recorder: Recorder,
        trials: list[Trial],
    ):
        self.group, self.plan, self.folds, self.recorder = group, plan, folds, recorder
        self.trials = trials
        self.outputs: dict[int, list[Outputs]] = {}  # by trial
        self.objective = Objective(group.metric, folds.classes)
        if plan.models:
            self.candidates = GivenModels(plan)
        else:
            self.candidates = Suggested(plan, self.objective, rows=len(folds.y))

    @property
    def ranking(self) -> list[Trial]:
        """The trials that have a score, the best first; a failed one can have scores of some folds, and is not used."""
        return [
            trial
            for trial in ranked(self.group, self.trials)
            if trial.mean is not None and trial.state != Trial.State.FAILED
        ]

    def left_s(self) -> float:
        """The time for the next trial: without that for the last fit, of the best or of an ensemble of some."""
        last = self.ranking[: ENSEMBLE_SIZE if self.plan.is_auto else 1]
        if not last:
            return self.budget.left(0) / 2
        fits = 2 if self.plan.base.refit else 1
        return self.budget.left(fits * sum(fit_seconds(trial, len(self.folds)) for trial in last))

    def run(self, engine: Engine, budget: TimeBudget, progress: Progress) -> None:
        self.budget = budget
        if any(trial.algorithm in ENSEMBLES for trial in self.trials):
            return  # which an earlier attempt has tried last
        self.run_trials(engine, progress)
        base = self.plan.base
        if self.plan.is_auto and base.threshold is None and not base.calibration and not base.sample_weight:
            self.try_ensemble(engine)

    def run_trials(self, engine: Engine, progress: Progress) -> None:
        """Begin as many trials as the engine runs at once, and end them in their order."""
        self.candidates.resume(self.trials, at_once=engine.at_once)
        begun: deque[Begun] = deque()
        while True:
            number = len(self.trials) + len(begun) + 1
            is_full = len(begun) >= engine.at_once or number > self.candidates.limit
            if not is_full and self.left_s() > SHORTEST_S:
                begun.append(self.begin(number, engine))
            elif begun:
                progress("trials", max(len(self.trials) / self.candidates.limit, self.budget.share))
                self.end(begun.popleft(), engine)
            else:
                return

    def begin(self, number: int, engine: Engine) -> Begun:
        before = max(number - engine.at_once, 0)
        candidate = self.candidates.next(number, self.trials[:before])
        trial = self.recorder.start(number, candidate.request)
        known = self.known(candidate, before)
        folds = None if known else engine.begin(number, candidate.request, self.objective)
        return Begun(trial, candidate, known, folds)

    def end(self, begun: Begun, engine: Engine) -> None:
        """Wait until a trial has ended, and write how."""
        trial, candidate, outcome = begun.trial, begun.candidate, begun.known
        self.candidates.learn(self.trials)
        if outcome is None:
            outcome = trial_run.run(
                candidate.request,
                begun.folds,
                self.objective,
                is_hopeless=candidate.is_hopeless,
                report=lambda scores: self.recorder.report(trial, scores),
                limit_s=max(self.left_s(), SHORTEST_S),
            )
            engine.end(begun.folds)
        self.trials.append(self.recorder.finish(trial, outcome))
        self.keep_outputs(trial, outcome)
        self.candidates.finish(candidate, outcome)

    def try_ensemble(self, engine: Engine) -> None:
        """The best trials together, without another fit: their outputs for the folds are known."""
        members = self.members(engine)
        if len(members) < 2:
            return
        started = time.monotonic()
        tested = [self.folds.tested(fold) for fold in range(len(self.folds))]
        weights, scores = ensemble.choose(members, tested, self.objective)
        chosen = [member for member in members if member.number in weights]
        if len(chosen) < 2:
            return
        params = {
            "members": [member.model for member in chosen],
            "weights": [weights[member.number] for member in chosen],
        }
        model = {"module": "ensemble", "class": ensemble.CLASSES[self.plan.task], "params": params}
        trial = self.recorder.start(len(self.trials) + 1, self.plan.candidate(model))
        outcome = trial_run.Outcome(scores=scores, duration_s=time.monotonic() - started)
        self.trials.append(self.recorder.finish(trial, outcome))

    def members(self, engine: Engine) -> list[ensemble.Member]:
        """The best different trials with their outputs, as many as there is time to fit them all."""
        left, members = self.budget.left(0), []
        for trial in self.pool():
            left -= MARGIN * fit_seconds(trial, len(self.folds))
            if left < 0:
                break
            if outputs := self.outputs_of(trial, engine):
                model = {"module": trial.module, "class": trial.algorithm, "params": trial.params}
                members.append(ensemble.Member(trial.number, model, outputs))
        return members

    def pool(self) -> list[Trial]:
        """The best complete trials of an ensemble, of each algorithm a few: those of different ones err differently."""
        chosen: list[Trial] = []
        for trial in self.ranking:
            is_known = any(
                one.algorithm == trial.algorithm and is_same(one.params, trial.params) for one in chosen
            )
            count = sum(one.algorithm == trial.algorithm for one in chosen)
            is_complete = trial.state == Trial.State.COMPLETE
            if is_complete and not is_known and count < ensemble.OF_AN_ALGORITHM:
                chosen.append(trial)
        return chosen[: ensemble.POOL]

    def outputs_of(self, trial: Trial, engine: Engine) -> list[Outputs]:
        """Those of a trial of an earlier attempt are predicted again."""
        if trial.number not in self.outputs:
            model = {"module": trial.module, "class": trial.algorithm, "params": trial.params}
            candidate = self.plan.candidate(model)
            folds = engine.begin(trial.number, candidate, self.objective)
            outcome = trial_run.run(candidate, folds, self.objective, limit_s=self.budget.left(0))
            engine.end(folds)
            self.outputs[trial.number] = outcome.outputs if outcome.state == "complete" else []
        return self.outputs[trial.number]

    def keep_outputs(self, trial: Trial, outcome: trial_run.Outcome) -> None:
        """Only those of the best trials, which an ensemble can have."""
        if self.plan.is_auto and outcome.outputs and outcome.state == "complete":
            self.outputs[trial.number] = outcome.outputs
            best = {one.number for one in self.pool()}
            self.outputs = {number: kept for number, kept in self.outputs.items() if number in best}

    def known(self, candidate: Candidate, before: int) -> trial_run.Outcome | None:
        """The outcome of one of the first trials with the same parameters, which a sampler can suggest again."""
        for trial in self.trials[:before]:
            tried = candidate.request
            is_known = trial.algorithm == tried.class_name and is_same(trial.params, tried.params)
            if is_known and trial.error in ("", trial_run.OUT_OF_TIME):
                return trial_run.Outcome(trial.state, list(trial.fold_scores))
        return None


def register_best(
    job: TrainingJob, search: Search, table: run.Table, *, left_s: float, progress: Progress, retry_s: float
) -> ModelVersion:
    """Fit the best candidate as a single training does, and register it; if that fails, the next one.

    With `keep: "all"` the other complete trials are registered before, so that the best is the one that is live in dev:
    as many as there is time for within `left_s` seconds.
    """

    def fit_and_register(trial: Trial, *, is_last: bool) -> ModelVersion:
        model = {"module": trial.module, "class": trial.algorithm, "params": trial.params}
        fitted = run.fit_table(table, request=search.plan.candidate(model), progress=report, until=until)
        with fitted.artifact.file:
            return register(job, fitted, trial=trial, is_last=is_last, retry_s=retry_s)

    def report(stage: str, fraction: float | None) -> None:
        progress("fitting" if stage == "checking" else stage, fraction)

    until = search.budget.started + search.budget.seconds if search.plan.time_budget_s else float("inf")
    if search.group.keep == TrainingGroup.Keep.ALL:
        for trial in reversed(_others(search, left_s)):
            with _noted(search, trial):
                fit_and_register(trial, is_last=False)
    for trial in search.ranking[:MAX_KEPT]:
        with _noted(search, trial):
            return fit_and_register(trial, is_last=True)
    raise TrainingFailed(_why_none(search), code="no_trial")


def _others(search: Search, left_s: float) -> list[Trial]:
    """The complete trials after the best that are not registered yet, as far as there is time before the best."""
    best, *others = search.ranking[:MAX_KEPT] or [None]
    chosen: list[Trial] = []
    for trial in others:
        if trial.model_version_id is None and trial.state == Trial.State.COMPLETE:
            seconds = [fit_seconds(one, len(search.folds)) for one in (best, *chosen, trial)]
            if MARGIN * sum(seconds) + FIXED_S * len(seconds) > left_s:
                break
            chosen.append(trial)
    return chosen


@contextlib.contextmanager
def _noted(search: Search, trial: Trial) -> Iterator[None]:
    """Write the error of a fit to its trial; any other error is that of the group."""
    try:
        yield
    except ValidationError as error:
        if getattr(error, "code", None) != "fit_failed":
            raise
        search.recorder.note(trial, error.messages[0])


def _why_none(search: Search) -> str:
    failed = [trial for trial in search.trials if trial.state == Trial.State.FAILED]
    if failed:
        return f"No trial had a score. The first failed: {failed[0].error}"
    return f"No trial finished a fold within {search.budget.seconds:g} seconds. Use a larger time budget or fewer rows."
