"""What Optuna suggests for the trials of a group."""

import numpy as np
import pytest

from registry.estimators import algorithms
from registry.models import Trial
from registry.search import families, space
from registry.search.candidates import Suggested
from registry.search.objective import Objective
from registry.search.plan import GroupPlan
from registry.search.sampling import Study
from registry.search.trial_run import Outcome
from registry.training.request import TrainingRequest

RANGES = {
    "max_depth": {"low": 2, "high": 12},
    "criterion": ["gini", "entropy"],
    "max_features": {"low": 0.1, "high": 1, "log": True},
}
FOLDS, TRIALS = 5, 16


@pytest.fixture
def forest():
    return [space.read(algorithms.find("RandomForestClassifier"), RANGES, fixed={})]


def gains(params: dict) -> list[float]:
    """As a forest might score on five folds: better near a depth of 6."""
    share = params.get("max_features", 1)
    return [
        -abs(params.get("max_depth", 1) - 6) + (0 if isinstance(share, str) else share) + 0.1 * fold
        for fold in range(FOLDS)
    ]


def search(tried, method, *, seed=3, until=TRIALS, finished=()):
    """The parameters and the gains of each trial, after the finished ones."""
    study, trials = Study(tried, method=method, seed=seed), list(finished)
    for family, params, measured in trials:
        study.finish_repeated(study.repeat(family, params), measured, is_complete=len(measured) == FOLDS)
    for number in range(len(trials) + 1, until + 1):
        suggestion, measured = study.suggest(number), []
        for gain in gains(suggestion.params):
            measured.append(gain)
            if suggestion.is_hopeless(measured):
                break
        study.finish(suggestion, float(np.mean(measured)), is_complete=len(measured) == FOLDS)
        trials.append((suggestion.family.algorithm.name, suggestion.params, measured))
    return trials


@pytest.mark.parametrize("method", ["tpe", "random", "halving"])
def test_a_search_that_goes_on_suggests_what_it_would_have_suggested(forest, method):
    whole = search(forest, method)
    assert search(forest, method, finished=whole[:7]) == whole
    assert search(forest, method, seed=4) != whole


def test_a_search_with_several_trials_at_once_that_goes_on_suggests_what_it_would_have_suggested(forest):
    plan = GroupPlan(TrainingRequest("ensemble", "RandomForestClassifier"), ranges=RANGES, n_trials=TRIALS)

    def search(finished):
        candidates = Suggested(plan, Objective("accuracy", ["a", "b"]), rows=100)
        candidates.resume(finished, at_once=4)
        trials, begun = list(finished), []
        while len(trials) < TRIALS:
            while len(begun) < 4 and (number := len(trials) + len(begun) + 1) <= TRIALS:
                begun.append(candidates.next(number, trials[: max(number - 4, 0)]))
            first = begun.pop(0)
            candidates.learn(trials)
            # Ties, whose order is that of the study.
            outcome = Outcome("complete", [1.0] * FOLDS)
            for count in range(1, FOLDS + 1):
                first.is_hopeless(outcome.scores[:count])
            candidates.finish(first, outcome)
            trials.append(
                Trial(
                    algorithm=first.request.class_name,
                    params=first.request.params,
                    state="complete",
                    fold_scores=outcome.scores,
                )
            )
        return trials

    whole = search([])
    for count in (1, 3, 7, 12):
        assert [one.params for one in search(whole[:count])] == [one.params for one in whole]


def test_a_search_with_no_more_combinations_than_trials_tries_each_once():
    """1.0 is the share of all columns, and 1 a single column."""
    ranges = {"max_features": [1, 1.0, "sqrt"], "ccp_alpha": {"low": 0.1, "high": 0.3, "step": 0.1}}
    family = space.read(algorithms.find("RandomForestClassifier"), ranges, fixed={})
    study = Study([family], method="tpe", seed=3, is_grid=True)
    tried = [study.suggest(number).params for number in range(1, int(family.size) + 1)]
    assert sorted((repr(one["max_features"]), round(one["ccp_alpha"], 9)) for one in tried) == sorted(
        (shown, alpha) for shown in ("1", "1.0", "'sqrt'") for alpha in (0.1, 0.2, 0.3)
    )


def test_halving_stops_most_trials_after_the_first_fold(forest):
    lengths = [len(measured) for _, _, measured in search(forest, "halving", until=30)]
    assert lengths.count(1) > 15
    assert FOLDS in lengths


def test_tpe_learns_where_the_best_values_are(forest):
    depths = [params["max_depth"] for _, params, _ in search(forest, "tpe", until=40)][20:]
    assert sum(4 <= depth <= 8 for depth in depths) > 14


def test_an_automatic_search_begins_with_the_first_values_of_each_family():
    tried = families.families("classification", rows=100)
    trials = search(tried, "tpe", until=len(tried) + 3)
    assert [name for name, _, _ in trials[: len(tried)]] == [one.algorithm.name for one in tried]
    assert trials[1][1]["max_iter"] == 100
    assert search(tried, "tpe", until=len(tried) + 3, finished=trials[:4]) == trials
