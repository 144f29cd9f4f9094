"""Every algorithm on the allow-list trains on a table with all column types, and predicts it."""

import pytest

from registry.estimators import algorithms
from registry.training.columns import feature_frame
from tests.registry.training.tables import (
    CLASS_TYPES,
    ROWS,
    assert_json,
    classes,
    fit,
    numbers,
    refusal,
    table,
)

BY_TASK = {
    task: [algorithm for algorithm in algorithms.all_algorithms() if algorithm.task == task]
    for task in ("classification", "regression", "clustering")
}
# Algorithms that reject this table, and the remedy that the error names; each trains if it is followed.
REMEDIES = {
    "IsotonicRegression": (
        "exactly one numeric feature",
        {"features": ["size"], "y": numbers(), "kind": "number"},
    ),
    "QuadraticDiscriminantAnalysis": ("reg_param", {"params": {"reg_param": 0.1}}),
    "RadiusNeighborsRegressor": (
        "larger radius",
        {"params": {"radius": 9}, "y": numbers(), "kind": "number"},
    ),
}
# Label types are handled differently by trees, linear models, boosting and neighbours: these are fitted with each.
FOUR_CLASSIFIERS = [
    "DecisionTreeClassifier", "HistGradientBoostingClassifier", "KNeighborsClassifier", "LogisticRegression",
]  # fmt: skip
# The other classifiers are fitted with one label type each, and the types alternate.
ONE_TYPE_EACH = [
    (algorithm.name, list(CLASS_TYPES)[number % len(CLASS_TYPES)])
    for number, algorithm in enumerate(BY_TASK["classification"])
    if algorithm.name not in {*FOUR_CLASSIFIERS, *REMEDIES}
]


def assert_predicts(result, algorithm):
    assert_json(result)
    assert result.signature["can_predict"] is algorithm.can_predict
    if algorithm.can_predict:
        predicted = result.pipeline.predict(feature_frame(table(), result.signature["inputs"]))
        assert len(predicted) == ROWS
        return predicted
    return None


@pytest.mark.parametrize(
    ("name", "kind"), [*ONE_TYPE_EACH, *((name, kind) for name in FOUR_CLASSIFIERS for kind in CLASS_TYPES)]
)
def test_every_classifier_predicts_labels_in_the_type_of_the_table(name, kind):
    y, python_type = CLASS_TYPES[kind]
    result = fit(y, kind, name=name)
    predicted = assert_predicts(result, algorithms.find(name))
    assert {type(label) for label in result.signature["classes"]} == {python_type}
    assert {type(label) for label in predicted.tolist()} == {python_type}


@pytest.mark.parametrize(
    "algorithm",
    [algorithm for algorithm in BY_TASK["regression"] if algorithm.name not in REMEDIES],
    ids=lambda algorithm: algorithm.name,
)
def test_every_regressor_trains_and_predicts(algorithm):
    assert_predicts(fit(numbers(), "number", name=algorithm.name), algorithm)


@pytest.mark.parametrize("algorithm", BY_TASK["clustering"], ids=lambda algorithm: algorithm.name)
def test_every_clusterer_trains_and_predicts_if_it_can(algorithm):
    assert_predicts(fit(classes(), name=algorithm.name), algorithm)


@pytest.mark.parametrize("name", REMEDIES)
def test_an_algorithm_that_rejects_the_table_names_a_remedy_that_works(name):
    words, remedy = REMEDIES[name]
    target = {"y": numbers(), "kind": "number"} if "y" in remedy else {}
    code, message = refusal(name=name, **target)
    assert code == "fit_failed"
    assert words in message
    result = fit(name=name, **remedy)
    assert result.rows_train == 21
    assert_predicts(result, algorithms.find(name))
