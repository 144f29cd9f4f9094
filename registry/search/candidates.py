"""Which candidate a group tries next. No Django models."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from registry.estimators import algorithms
from registry.search import families, space
from registry.search.objective import Objective
from registry.search.plan import MAX_TRIALS, GroupPlan
from registry.search.sampling import Study, Suggestion
from registry.search.trial_run import Outcome
from registry.training.request import TrainingRequest


class FinishedTrial(Protocol):
    """What is known of a trial of an earlier attempt."""

    state: str
    algorithm: str
    params: dict
    fold_scores: list[float]


@dataclass
class Candidate:
    request: TrainingRequest
    is_hopeless: Callable[[list[float]], bool] = lambda gains: False
    suggestion: Suggestion | None = None


class GivenModels:
    """The models of the plan, in its order."""

    def __init__(self, plan: GroupPlan):
        self.plan = plan
        self.limit = len(plan.models)

    def next(self, number: int, before: list[FinishedTrial]) -> Candidate:
        return Candidate(self.plan.candidate(self.plan.models[number - 1]))

    def resume(self, finished: list[FinishedTrial], *, at_once: int) -> None:
        pass

    def learn(self, trials: list[FinishedTrial]) -> None:
        pass

    def finish(self, candidate: Candidate, outcome: Outcome) -> None:
        pass


class Suggested:
    """What Optuna suggests, from the ranges of the plan or, for an automatic group, from those of families.py."""

    def __init__(self, plan: GroupPlan, objective: Objective, *, rows: int):
        self.plan, self.objective = plan, objective
        self.repeated: list[Suggestion] = []  # the first trials, which are of an earlier attempt
        self.told = 0  # of these, whose outcomes the study has
        if plan.is_auto:
            self.families = families.families(plan.task, rows=rows)
        else:
            self.families = [space.read(plan.base.algorithm, plan.ranges, fixed=plan.base.params)]
        size = sum(family.size for family in self.families)
        self.limit = int(min(plan.n_trials or MAX_TRIALS, size))
        self.study = Study(
            self.families, method=plan.method, seed=plan.base.random_state, is_grid=size <= self.limit
        )

    def resume(self, finished: list[FinishedTrial], *, at_once: int) -> None:
        """Suggest and finish the trials of an earlier attempt again, in the order in which it did."""
        names = {family.algorithm.name for family in self.families}
        for number, trial in enumerate(finished, 1):
            if trial.algorithm in names:
                self.learn(finished[: max(number - at_once, 0)])
                self.repeated.append(self.study.repeat(trial.algorithm, trial.params))

    def learn(self, trials: list[FinishedTrial]) -> None:
        """Tell the study of those that it does not know yet, which are of an earlier attempt."""
        for trial, suggestion in zip(trials[self.told :], self.repeated[self.told :], strict=False):
            gains = [] if trial.state == "failed" else [self.objective.gain(one) for one in trial.fold_scores]
            self.study.finish_repeated(suggestion, gains, is_complete=trial.state == "complete")
            self.told += 1

    def next(self, number: int, before: list[FinishedTrial]) -> Candidate:
        """The trial with this number, from the outcomes of the first ones."""
        self.learn(before)
        suggestion = self.study.suggest(number)
        algorithm = suggestion.family.algorithm
        request = replace(
            self.plan.base,
            module=algorithm.module,
            class_name=algorithm.name,
            params=algorithms.check_params(algorithm, suggestion.params),
        )
        return Candidate(request, suggestion.is_hopeless, suggestion)

    def finish(self, candidate: Candidate, outcome: Outcome) -> None:
        mean = (
            None if outcome.state == "failed" or outcome.mean is None else self.objective.gain(outcome.mean)
        )
        self.study.finish(candidate.suggestion, mean, is_complete=outcome.state == "complete")
