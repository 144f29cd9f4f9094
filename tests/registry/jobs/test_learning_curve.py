"""The learning curve of a version: its training repeated on shares of its rows, on its page and by the API."""

import numpy as np
import pandas
import pytest

from registry.estimators.algorithms import find
from registry.jobs.learning_curves import computation
from registry.models import Evaluation
from registry.training.request import TrainingRequest
from registry.training.splits import Split

URL = "/models/flowers/1/learning-curve"
PAGE = "/registry/models/flowers/1/"
VISITS = "day,x,late\n" + "".join(f"2026-01-{1 + i % 30:02},{i},{'yn'[i % 2]}\n" for i in range(60))


def test_the_curve_ends_with_the_metric_of_the_version(make_version, api):
    version = make_version(params={"max_depth": 1})
    missing = api.get(URL)
    assert (missing.status_code, missing.json()["code"]) == (404, "no_learning_curve")
    response = api.post(URL)
    assert response.status_code == 201, response.json()
    assert response.json()["metrics"]["accuracy"] == version.metrics["accuracy"]
    curve = api.get(URL).json()
    assert [point["rows"] for point in curve["points"]][-1] == version.rows_train
    last = curve["points"][-1]
    assert (last["test"], curve["metric"]) == (version.metrics["accuracy"], "accuracy")
    assert last["interval"] == version.metrics["intervals"].get("accuracy")
    assert last["train"] == version.metrics["train"]["accuracy"]


def test_the_page_computes_it_and_shows_it_with_a_table(make_version, page):
    make_version(module="linear_model", class_name="LinearRegression", target="width")
    assert "Would more rows help?" in page.get(PAGE).text
    text = page.post(f"{PAGE}learning-curve/", follow=True).text
    assert "R² by training rows" in text
    assert "Compute again" in text
    assert Evaluation.objects.get().kind == "learning_curve"
    # It is neither an evaluation on other data nor the job of the diagnostics.
    assert "Measured on dataset version" not in text
    assert "This version has none yet" in text
    part = page.get(f"{PAGE}learning-curve/plot/", headers={"HX-Request": "true"}).text
    assert part.strip().startswith('<section class="card" id="learning"') and "R² by training rows" in part
    assert page.get(f"{PAGE}learning-curve/plot/").url == PAGE


def test_a_share_with_too_few_rows_is_left_out_with_a_warning(make_version, api):
    make_version(module="neighbors", class_name="KNeighborsClassifier", params={"n_neighbors": 6})
    body = api.post(URL).json()
    assert "2 training rows are not drawn" in body["warnings"][0]
    assert min(point["rows"] for point in api.get(URL).json()["points"]) >= 6


def test_the_newest_rows_are_learned_from_first_after_a_split_by_time(make_dataset, make_version, api):
    source = make_dataset("visits", VISITS)
    make_version(source, target="late", features=["x"], split={"method": "time", "column": "day"})
    api.post("/models/visits/1/learning-curve")
    assert api.get("/models/visits/1/learning-curve").json()["order"] == "newest"


def test_each_share_has_the_classes_as_the_whole():
    y = np.array(["a"] * 30 + ["b"] * 10)
    order = computation.ordered(split(y), request("DecisionTreeClassifier"))
    assert sorted(order) == list(range(40))
    assert (y[order[:20]] == "b").sum() == 5


def test_groups_are_learned_from_as_a_whole():
    groups = np.array(list("aabbccdd") * 5)
    order = computation.ordered(split(np.arange(40), groups=groups), request("DecisionTreeRegressor"))
    assert [len(set(groups[order[start : start + 10]])) for start in (0, 10, 20, 30)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"module": "cluster", "class_name": "KMeans", "target": None}, "no_test_rows"),
        ({"random_state": None}, "split_unknown"),
    ],
)
def test_a_version_without_known_test_rows_has_none(make_version, api, page, fields, code):
    make_version(**fields)
    response = api.post(URL)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert "Would more rows help?" not in page.get(PAGE).text


def split(y, **keys) -> Split:
    X = pandas.DataFrame({"x": range(len(y))})
    return Split(X, X, y, y, **keys)


def request(name) -> TrainingRequest:
    return TrainingRequest(module=find(name).module, class_name=name)
