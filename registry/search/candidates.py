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

    def next(self, number: int) -> Candidate:
        return Candidate(self.plan.candidate(self.plan.models[number - 1]))

    def finish(self, candidate: Candidate, outcome: Outcome) -> None:
        pass


class Suggested:
    """What Optuna suggests, from the ranges of the plan or, for an automatic group, from those of families.py."""

    def __init__(self, plan: GroupPlan, objective: Objective, *, rows: int, finished: list[FinishedTrial]):
        self.plan, self.objective = plan, objective
        if plan.is_auto:
            self.families = families.families(plan.task, rows=rows)
        else:
            self.families = [space.read(plan.base.algorithm, plan.ranges, fixed=plan.base.params)]
        size = sum(family.size for family in self.families)
        self.limit = int(min(plan.n_trials or MAX_TRIALS, size))
        self.study = Study(
            self.families, method=plan.method, seed=plan.base.random_state, is_grid=size <= self.limit
        )
        names = {family.algorithm.name for family in self.families}
        for trial in finished:
            if trial.algorithm in names:
                gains = [objective.gain(score) for score in trial.fold_scores]
                is_complete = trial.state == "complete"
                self.study.add(
                    trial.algorithm,
                    trial.params,
                    [] if trial.state == "failed" else gains,
                    is_complete=is_complete,
                )

    def next(self, number: int) -> Candidate:
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
