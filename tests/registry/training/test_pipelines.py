"""fit(): from a table to a fitted pipeline, its metrics, parameters and warnings."""

import pandas
import pytest

from registry.estimators.algorithms import find
from registry.estimators.errors import as_validation_errors
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


def test_a_clusterer_is_fitted_on_all_rows_without_the_target():
    result = fit(name="KMeans", params={"n_clusters": 3}, test_size=None)
    assert (result.rows_train, result.rows_test) == (ROWS, 0)
    assert result.signature["target"] is None
    assert "answer" not in result.signature["example"]
    assert result.metrics["n_clusters"] == 3


def test_a_clusterer_without_a_target_is_fitted_on_every_column():
    result = fit(name="DBSCAN", target=None)
    assert "answer" in result.signature["example"]
    assert result.signature["can_predict"] is False


def test_the_same_random_state_gives_the_same_model():
    first, second = (fit(name="RandomForestClassifier", params={"n_estimators": 5}) for _ in range(2))
    frame = feature_frame(table(), first.signature["inputs"])
    assert (first.pipeline.predict_proba(frame) == second.pipeline.predict_proba(frame)).all()
    assert first.metrics == second.metrics


def test_the_split_is_stratified_by_class():
    y = pandas.Series(["cat"] * 20 + ["dog"] * 10, dtype="str")
    report = fit(y=y).metrics["classification_report"]
    assert (report["cat"]["support"], report["dog"]["support"]) == (6, 3)


def test_progress_is_called_with_the_stages_in_order():
    stages = []
    fit(progress=lambda stage, fraction: stages.append(stage))
    assert stages == ["checking", "fitting", "evaluating"]


def test_the_parameters_of_the_result_include_the_defaults():
    parameters = fit(params={"max_depth": 3}).parameters
    assert parameters["max_depth"] == 3
    assert parameters["criterion"] == "gini"
    assert parameters["random_state"] == 1


def test_the_parameters_of_the_result_are_json_without_deprecated_ones():
    assert fit(name="OPTICS").parameters["max_eps"] == "inf"
    parameters = fit(name="SVC").parameters
    assert parameters["kernel"] == "rbf"
    assert "probability" not in parameters


@pytest.mark.parametrize(
    ("kind", "weights"), [("integer", {"0": 1, "1": 9}), ("boolean", {"true": 2, "False": 1})]
)
def test_class_weights_from_json_apply_to_classes_of_any_type(kind, weights):
    assert fit(y=CLASS_TYPES[kind][0], kind=kind, params={"class_weight": weights}).rows_train == 21


def test_rows_without_a_target_are_excluded_with_a_warning():
    y = classes().mask(pandas.Series(range(ROWS)) < 4)
    result = fit(y=y)
    assert result.rows_train + result.rows_test == ROWS - 4
    assert result.warnings == ["4 rows without a value in `answer` were excluded."]


def test_an_integer_target_with_a_gap_keeps_its_type():
    y = CLASS_TYPES["integer"][0].astype("Int64").mask(pandas.Series(range(ROWS)) == 3)
    result = fit(y=y, kind="integer")
    assert result.signature["classes"] == [0, 1]
    assert result.warnings == ["1 row without a value in `answer` was excluded."]


def test_each_warning_of_scikit_learn_becomes_one_sentence_and_nothing_is_printed(capfd):
    result = fit(name="LogisticRegression", params={"max_iter": 1})
    assert len(result.warnings) == 1
    assert result.warnings[0].startswith("lbfgs failed to converge after 1 iteration(s)")
    assert capfd.readouterr() == ("", "")


def test_test_rows_without_a_finite_prediction_are_excluded_from_the_metrics_with_a_warning():
    result = fit(numbers(), "number", name="RadiusNeighborsRegressor", params={"radius": 1.6})
    assert "test rows have no finite prediction" in result.warnings[0]
    assert_json(result)


def test_invalid_parameters_are_rejected_before_the_fit():
    assert refusal(params={"max_depth": 0})[0] == "invalid_parameter"


def test_a_bug_of_scikit_learn_is_reported_as_a_failed_fit():
    # Without iterations, TheilSenRegressor reads a variable that it never set.
    failure = refusal(numbers(), "number", name="TheilSenRegressor", params={"max_iter": 0})
    assert failure[0] == "fit_failed"


def test_an_error_of_scikit_learn_is_reported_as_a_sentence():
    code, message = refusal(name="KMeans", params={"n_clusters": 99})
    assert code == "fit_failed"
    assert message == "KMeans could not be fitted: n_samples=30 should be >= n_clusters=99."


def test_a_memory_error_is_not_reported_as_a_failed_fit():
    with pytest.raises(MemoryError), as_validation_errors(find("MLPClassifier"), warnings=[]):
        raise MemoryError
