"""track(): reports the progress of a fit without changing the fitted model."""

import pytest

from registry.estimators import algorithms
from registry.training import progress

X = [[i, i % 3] for i in range(30)]
Y = [i % 2 for i in range(30)]
ITERATIVE = [
    ("RandomForestClassifier", {"n_estimators": 10}),
    ("ExtraTreesRegressor", {"n_estimators": 10}),
    ("GradientBoostingClassifier", {"n_estimators": 10}),
    ("HistGradientBoostingRegressor", {"max_iter": 10}),
    ("MLPClassifier", {"max_iter": 10}),
    ("SGDClassifier", {"max_iter": 10, "tol": None}),
]


def fitted(name: str, params: dict, reports: list | None = None):
    estimator = algorithms.build(algorithms.find(name), params, 0)
    if reports is None:
        return estimator.fit(X, Y)
    with progress.track(estimator, reports.append):
        return estimator.fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "params"), ITERATIVE)
def test_every_iteration_is_reported_and_the_model_does_not_change(name, params):
    reports = []
    estimator, untracked = fitted(name, params, reports), fitted(name, params)
    assert reports[-1] == 1
    assert reports == sorted(reports)
    assert len(set(reports)) == 10
    assert estimator.get_params() == untracked.get_params()
    assert estimator.predict(X).tolist() == untracked.predict(X).tolist()


@pytest.mark.parametrize(
    ("name", "params"),
    [("LogisticRegression", {}), ("RandomForestClassifier", {"n_estimators": 5, "verbose": 1})],
)
def test_an_estimator_without_progress_output_or_with_verbose_set_is_not_tracked(name, params):
    reports = []
    assert fitted(name, params, reports).get_params().get("verbose", 0) == params.get("verbose", 0)
    assert reports == []
