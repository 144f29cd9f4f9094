"""`"explain": true` of POST /predict."""

import math

import pytest

from mlplatform.auth import tokens
from registry.estimators.frameworks import extras
from registry.models import Usage
from serving.explanation import reasons
from serving.monitoring import usage

ROW = {"length": 9, "width": 1.6, "colour": "blue"}


@pytest.fixture
def explained(api):
    def call(rows=(ROW,), **fields):
        body = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": list(rows)}}
        response = api.post("/predict", body | {"explain": True} | fields, format="json")
        return response.json() if response.status_code == 200 else (response.status_code, response.json())

    return call


def assert_adds_up(row):
    assert row["base_value"] + sum(row["contributions"].values()) == pytest.approx(
        row["prediction"], abs=1e-9
    )


def test_a_forest_is_explained_by_the_probability_of_the_predicted_class(make_version, explained):
    make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})
    body = explained(probabilities=True)
    [row] = body["explanation"]["rows"]
    assert (body["explanation"]["method"], body["explanation"]["unit"]) == ("tree_shap", "probability")
    assert row["predicted"] == body["predictions"][0] == "rose"
    assert row["prediction"] == pytest.approx(body["probabilities"][0][0], abs=1e-9)
    assert list(row["contributions"]) == ["length", "width", "colour"] and "standard_errors" not in row
    assert_adds_up(row)


def test_a_linear_model_is_explained_in_log_odds(make_version, explained):
    make_version(module="linear_model", class_name="LogisticRegression")
    body = explained(probabilities=True)
    [row], probability = body["explanation"]["rows"], max(body["probabilities"][0])
    assert (body["explanation"]["method"], body["explanation"]["unit"]) == ("linear", "log_odds")
    assert row["prediction"] == pytest.approx(math.log(probability / (1 - probability)), abs=1e-9)
    assert_adds_up(row)


def test_other_models_are_explained_by_samples_with_their_errors(make_version, explained):
    make_version(module="neighbors", class_name="KNeighborsClassifier")
    body = explained(probabilities=True)
    [row] = body["explanation"]["rows"]
    assert body["explanation"]["method"] == "sampled_shapley"
    assert row["prediction"] == pytest.approx(max(body["probabilities"][0]), abs=1e-9)
    assert row["standard_errors"].keys() == row["contributions"].keys()
    assert_adds_up(row)


def test_a_decision_function_is_explained_as_a_score(make_version, explained):
    make_version(module="svm", class_name="SVC")
    body = explained()
    [row] = body["explanation"]["rows"]
    assert body["explanation"]["unit"] == "score" and row["predicted"] == body["predictions"][0]
    assert row["prediction"] > 0  # towards the predicted class
    assert_adds_up(row)


def test_a_cluster_is_explained_by_whether_the_row_is_assigned_to_it(make_version, explained):
    make_version(module="cluster", class_name="KMeans", target=None)
    body = explained([ROW | {"species": "rose"}])
    [row] = body["explanation"]["rows"]
    assert (body["explanation"]["unit"], row["predicted"]) == ("indicator", body["predictions"][0])
    assert row["prediction"] == pytest.approx(1)


@pytest.mark.parametrize("class_name", ["RandomForestRegressor", "KNeighborsRegressor"])
def test_a_regressor_is_explained_in_units_of_its_target(make_version, explained, class_name):
    module = "ensemble" if class_name.startswith("Random") else "neighbors"
    make_version(module=module, class_name=class_name, target="width")
    body = explained([{"length": 9, "colour": "blue", "species": "rose"}])
    [row] = body["explanation"]["rows"]
    assert body["explanation"]["unit"] == "value" and "predicted" not in row
    assert row["prediction"] == pytest.approx(body["predictions"][0], abs=1e-9)


@pytest.mark.parametrize(
    ("class_name", "module"),
    [("RandomForestClassifier", "ensemble"), ("GradientBoostingClassifier", "ensemble"),
     ("LogisticRegression", "linear_model")],
)  # fmt: skip
def test_a_threshold_and_a_sigmoid_calibration_stay_exact(make_version, explained, class_name, module):
    make_version(module=module, class_name=class_name, threshold=0.3, calibration="sigmoid")
    body = explained([ROW, ROW | {"length": 5}], probabilities=True)
    assert body["explanation"]["method"] != "sampled_shapley" and body["explanation"]["unit"] == "log_odds"
    for row, probabilities in zip(body["explanation"]["rows"], body["probabilities"], strict=True):
        probability = probabilities[body["classes"].index(row["predicted"])]
        assert row["prediction"] == pytest.approx(math.log(probability / (1 - probability)), abs=1e-9)


@pytest.mark.skipif("lightgbm" not in extras.installed(), reason="LightGBM is not installed")
def test_a_calibrated_booster_is_explained_by_what_it_predicts(make_version, explained):
    params = {"n_estimators": 5, "min_child_samples": 2}
    make_version(module="lightgbm", class_name="LGBMClassifier", params=params, calibration="sigmoid")
    body = explained(probabilities=True)
    [row], probability = body["explanation"]["rows"], max(body["probabilities"][0])
    is_probability = body["explanation"]["unit"] == "probability"
    expected = probability if is_probability else math.log(probability / (1 - probability))
    assert row["prediction"] == pytest.approx(expected, abs=1e-5)


def test_lists_and_objects_have_the_same_reasons(make_version, explained):
    make_version()
    as_object, as_list = explained([ROW]), explained([list(ROW.values())])
    assert as_object["explanation"] == as_list["explanation"]


def test_a_missing_value_and_an_unseen_category_are_explained(make_version, explained):
    make_version(
        module="ensemble", class_name="HistGradientBoostingClassifier", params={"min_samples_leaf": 2}
    )
    for row in explained([dict.fromkeys(ROW), ROW | {"colour": "ultraviolet"}])["explanation"]["rows"]:
        assert_adds_up(row)


def test_too_many_rows_are_refused(make_version, explained):
    make_version()
    status, body = explained([ROW] * (reasons.MAX_ROWS + 1))
    assert (status, body["code"]) == (400, "too_many_rows")
    assert body["detail"].startswith("At most 10 rows are explained at once; the request has 11.")


def test_no_rows_have_no_reasons(make_version, explained):
    make_version()
    assert explained([])["explanation"]["rows"] == []


def test_without_explain_there_are_no_reasons(make_version, explained):
    make_version()
    assert "explanation" not in explained(explain=False)


def test_explain_must_be_true_or_false(make_version, explained):
    make_version()
    status, body = explained(explain="sometimes")
    assert status == 400 and list(body["fields"]) == ["explain"]


def test_a_misspelt_explain_is_named(make_version, explained):
    make_version()
    status, body = explained(explian=True)
    assert status == 400 and "Did you mean `explain`" in body["detail"]


def test_one_request_at_a_time_is_explained_for_a_model(make_version, explained, monkeypatch):
    version = make_version()
    explained()
    monkeypatch.setattr(reasons, "WAIT_S", 0.01)
    with reasons._turns[version.pk]:
        status, body = explained()
    assert (status, body["code"]) == (503, "explanation_busy")


def test_a_request_that_cannot_be_explained_counts_once_as_failed(make_version, explained, monkeypatch):
    version = make_version()
    explained()
    monkeypatch.setattr(reasons, "WAIT_S", 0.01)
    usage.shared_usage.cache_clear()
    with reasons._turns[version.pk]:
        explained()
    usage.shared_usage().write()
    counts = Usage.objects.values_list("requests", "rows", "failed")
    assert list(counts) == [(1, 0, 1)]


def test_an_explainer_that_is_too_large_to_keep_is_built_by_one_request_at_a_time(
    make_version, explained, monkeypatch
):
    version = make_version()
    monkeypatch.setattr(reasons, "KEPT_BYTES", -1)
    monkeypatch.setattr(reasons, "WAIT_S", 0.01)
    explained()
    with reasons._turns[version.pk]:
        status, body = explained()
    assert (status, body["code"]) == (503, "explanation_busy")


def test_rows_that_take_too_long_are_refused_after_one_batch_each(make_version, explained, monkeypatch):
    make_version(module="neighbors", class_name="KNeighborsClassifier")
    monkeypatch.setattr(reasons, "LIMIT_S", 0)
    status, body = explained([ROW] * 3)
    assert (status, body["code"]) == (400, "explanation_timeout")
    assert "1 of 3 were explained" in body["detail"]
    assert explained()["explanation"]["rows"]


def test_the_page_shows_the_prediction_if_the_reasons_are_busy(make_version, page, monkeypatch):
    version = make_version()
    values = {"input-0": "9", "input-1": "1.6", "input-2": "blue"}
    assert "no_reasons" not in page.post("/serving/flowers/dev/", values).context
    monkeypatch.setattr(reasons, "WAIT_S", 0.01)
    with reasons._turns[version.pk]:
        response = page.post("/serving/flowers/dev/", values)
    assert response.context["prediction"] == "rose"
    assert "Other predictions of this model are being explained." in response.text


def test_the_explainer_of_a_replaced_model_is_not_used(make_version, explained):
    make_version()
    first = explained()["explanation"]["rows"][0]
    make_version(random_state=3, params={"max_depth": 1})
    assert_adds_up(explained()["explanation"]["rows"][0])
    assert first["prediction"] == 1


def test_a_program_gets_reasons_on_the_fast_path(make_version, program, admin):
    make_version()
    body = {
        "dataset_name": "flowers",
        "environment": "dev",
        "input_data": {"features": [ROW]},
        "explain": True,
    }
    response = program("POST", "/predict", body, authorization=f"Bearer {tokens.create(admin).token}")
    assert response.status_code == 200 and response.json()["explanation"]["rows"][0]["contributions"]
