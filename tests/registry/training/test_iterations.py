"""told(): how far a fit has come, without changing what is fitted."""

import pytest

from registry.estimators import algorithms
from registry.training.iterations import told

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


def fitted(name: str, params: dict, heard: list | None = None):
    estimator = algorithms.build(algorithms.find(name), params, 0)
    if heard is None:
        return estimator.fit(X, Y)
    with told(estimator, heard.append):
        return estimator.fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "params"), ITERATIVE)
def test_every_iteration_is_heard_and_the_model_is_the_same(name, params):
    heard = []
    estimator = fitted(name, params, heard)
    assert heard[-1] == 1
    assert heard == sorted(heard)
    assert len(set(heard)) == 10
    assert estimator.get_params() == fitted(name, params).get_params()
    assert estimator.predict(X).tolist() == fitted(name, params).predict(X).tolist()


@pytest.mark.parametrize(
    ("name", "params"),
    [("LogisticRegression", {}), ("RandomForestClassifier", {"n_estimators": 5, "verbose": 1})],
)
def test_one_that_says_nothing_or_speaks_for_itself_is_left_alone(name, params):
    heard = []
    assert fitted(name, params, heard).get_params().get("verbose", 0) == params.get("verbose", 0)
    assert heard == []
