"""One trial on the folds of a small table."""

import time

import numpy as np
import pandas
import pytest

from registry.search import engines, ensemble, trial_run
from registry.search.objective import Objective
from registry.search.plan import GroupPlan
from registry.search.run import divide
from registry.training.request import TrainingRequest
from registry.training.run import Table

COLUMNS = [
    {"name": "length", "type": "number", "nullable": True},
    {"name": "colour", "type": "text", "nullable": True},
    {"name": "kind", "type": "text", "nullable": False},
    {"name": "price", "type": "number", "nullable": False},
]
TREE = {"module": "tree", "class": "DecisionTreeClassifier", "params": {"max_depth": 2}}
LOGISTIC = {"module": "linear_model", "class": "LogisticRegression", "params": {}}
QDA = {
    "module": "discriminant_analysis",
    "class": "QuadraticDiscriminantAnalysis",
    "params": {"priors": [1]},
}
FEATURES = ["length", "colour"]


def table(rows=120) -> pandas.DataFrame:
    chance = np.random.default_rng(0)
    length = chance.normal(size=rows)
    kind = np.where(length + chance.normal(size=rows) > 0, "long", "short")
    colour = chance.choice(["red", "blue"], rows)
    return pandas.DataFrame(
        {"length": length, "colour": colour, "kind": kind, "price": length * 3 + (colour == "red")}
    )


def plan(*models, target="kind") -> GroupPlan:
    base = TrainingRequest("", "", target=target, features=FEATURES, random_state=1)
    return GroupPlan(base, models=models)


@pytest.fixture
def folds():
    return divide(Table(table(), COLUMNS, None, []), plan(TREE))


def test_a_trial_has_a_score_for_each_fold(folds):
    outcome = trial_run.run(plan().candidate(TREE), folds, Objective("roc_auc", folds.classes))
    assert (outcome.state, len(outcome.scores)) == ("complete", 5)
    assert 0.6 < outcome.mean < 1


def test_trials_that_need_the_same_numbers_share_them(folds):
    objective = Objective("accuracy", folds.classes)
    for model in (TREE, TREE | {"params": {"max_depth": 3}}, LOGISTIC):
        trial_run.run(plan().candidate(model), folds, objective)
    assert len(folds._prepared) == 2 * len(folds)  # for trees, and for estimators that need scaled numbers


def test_a_hopeless_trial_ends_after_that_fold(folds):
    objective = Objective("log_loss", folds.classes)
    seen = []

    def is_hopeless(gains):
        seen.extend(gains[-1:])
        return len(gains) == 2

    outcome = trial_run.run(plan().candidate(LOGISTIC), folds, objective, is_hopeless=is_hopeless)
    assert (outcome.state, len(outcome.scores)) == ("pruned", 2)
    assert seen == [-score for score in outcome.scores]  # a lower loss is better


def test_a_candidate_that_cannot_be_fitted_has_the_reason(folds):
    outcome = trial_run.run(plan().candidate(QDA), folds, Objective("accuracy", folds.classes))
    assert outcome.state == "failed"
    assert outcome.error.startswith("QuadraticDiscriminantAnalysis could not be fitted:")


def test_a_fit_is_interrupted_when_the_time_is_over(folds):
    model = {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 100_000}}
    started = time.monotonic()
    outcome = trial_run.run(plan().candidate(model), folds, Objective("accuracy", folds.classes), limit_s=0.3)
    assert (outcome.state, outcome.error, outcome.scores) == ("pruned", trial_run.OUT_OF_TIME, [])
    assert time.monotonic() - started < 10


def test_a_fit_in_one_native_call_is_killed_when_the_time_is_over():
    many = divide(Table(table(rows=1_500), COLUMNS, None, []), plan(TREE))
    model = {"module": "svm", "class": "SVC", "params": {"kernel": "linear", "C": 1e6}}
    outcome = trial_run.run(plan().candidate(model), many, Objective("accuracy", many.classes), limit_s=0.5)
    assert (outcome.state, outcome.error, outcome.scores) == ("pruned", trial_run.OUT_OF_TIME, [])


def test_a_fit_in_a_process_of_its_own_scores_the_same():
    many = divide(Table(table(rows=1_500), COLUMNS, None, []), plan(TREE))
    objective = Objective("roc_auc", many.classes)
    here, there = (trial_run.run(plan().candidate(TREE), many, objective, limit_s=s) for s in (None, 600))
    assert (there.state, there.scores) == ("complete", here.scores)
    assert len(many._prepared) == len(many)
    refused = trial_run.run(plan().candidate(QDA), many, objective, limit_s=600)
    assert refused.error.startswith("QuadraticDiscriminantAnalysis could not be fitted:")


@pytest.mark.parametrize(("target", "metric"), [("kind", "roc_auc"), ("price", "rmse")])
def test_the_weights_of_an_ensemble_score_as_its_pipelines_do(target, metric):
    """Chosen by outputs of the folds, without a fit; the ensemble itself, fitted on each fold, scores the same."""
    kind, name = ("Classifier", "LogisticRegression") if target == "kind" else ("Regressor", "Ridge")
    models = [
        {"module": "tree", "class": f"DecisionTree{kind}", "params": {"max_depth": 3}},
        {"module": "linear_model", "class": name, "params": {}},
    ]
    shared = plan(*models, target=target)
    folds = divide(Table(table(), COLUMNS, None, []), shared)
    objective = Objective(metric, folds.classes)
    outcomes = [trial_run.run(shared.candidate(model), folds, objective) for model in models]
    members = [
        ensemble.Member(number, model, outcome.outputs)
        for number, (model, outcome) in enumerate(zip(models, outcomes, strict=True))
    ]
    tested = [folds.tested(fold) for fold in range(len(folds))]
    weights, scores = ensemble.choose(members, tested, objective)
    assert set(weights) <= {0, 1}
    assert len(scores) == len(folds)
    vote = {"members": models, "weights": [2, 1]}
    candidate = shared.candidate({"module": "ensemble", "class": f"Voting{kind}", "params": vote})
    fitted = trial_run.run(candidate, folds, objective)
    expected = [
        ensemble._Fold([one.outputs[fold] for one in outcomes], tested[fold], objective).score({0: 2, 1: 1})
        for fold in range(len(folds))
    ]
    assert fitted.scores == pytest.approx(expected)


def test_a_worker_keeps_prepared_folds_by_its_own_limit_of_memory(folds, settings):
    settings.TRAIN_MEMORY_MB = 0
    candidate = plan().candidate(TREE).to_dict()
    assert engines.measure(folds, 0, candidate, "accuracy", folds.classes, False).score > 0.5
    assert not folds._prepared
