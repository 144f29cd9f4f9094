"""On which rows two versions predict differently, computed in a child process."""

import pandas
import pytest
from django.core.exceptions import ValidationError

from registry import artifacts
from registry.comparison import predictions
from registry.models import ModelVersion

STEPS = "x,y,z\n" + "".join(f"{i},{10 * (i % 4)},{i % 3}\n" for i in range(40))
LINE = {"module": "linear_model", "class_name": "LinearRegression"}
TREE = {"module": "tree", "class_name": "DecisionTreeRegressor"}


@pytest.fixture
def two_regressors(make_dataset, make_version):
    """A line, and a tree, which learns the steps."""
    source = make_dataset("steps", STEPS)
    made = [make_version(source, target="y", features=["x"], **algorithm) for algorithm in (LINE, TREE)]
    return [ModelVersion.objects.numbered("steps", one.number) for one in made]


def test_the_held_out_rows_with_the_largest_differences_are_listed_with_their_inputs(two_regressors):
    result = predictions.compare(*two_regressors)
    rows = result["largest"]
    assert (result["rows"], result["source"]) == (8, "held-out rows of version 2")
    assert result["different"] == len(rows) == 8
    assert all(row["actual"] == 10 * (row["inputs"]["x"] % 4) for row in rows)
    assert all(row["row"] == row["inputs"]["x"] + 1 for row in rows)
    sizes = [abs(row["coming"] - row["live"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert result["mean_difference"] == pytest.approx(sum(sizes) / 8)


def test_a_version_predicts_as_itself(two_regressors):
    result = predictions.compare(two_regressors[0], two_regressors[0])
    assert (result["different"], result["largest"], result["mean_difference"]) == (0, [], 0)


def test_classes_that_differ_are_counted(make_dataset, make_version):
    source = make_dataset()
    made = [make_version(source, params={"max_depth": depth}, features=["width"]) for depth in (1, 3)]
    stored = [ModelVersion.objects.numbered("flowers", one.number) for one in made]
    result = predictions.compare(*stored)
    assert result["different"] == len(result["largest"])
    assert all(row["live"] != row["coming"] for row in result["largest"])
    assert "mean_difference" not in result


def test_the_flips_that_are_most_probable_come_first(make_dataset, make_version):
    source = make_dataset()
    made = [
        make_version(source, features=["width"], module="naive_bayes", class_name="GaussianNB"),
        make_version(source, features=["length"], module="naive_bayes", class_name="GaussianNB"),
    ]
    live, coming = (ModelVersion.objects.numbered("flowers", one.number) for one in made)
    before, after = (artifacts.load(one, one.release.key) for one in (live, coming))
    rows = predictions.compare(live, coming)["largest"]
    gains = []
    for row in rows:
        X, place = pandas.DataFrame([row["inputs"]]), list(after.classes_).index(row["coming"])
        gains.append(
            after.predict_proba(X[["length"]])[0, place] - before.predict_proba(X[["width"]])[0, place]
        )
    assert len(gains) > 1
    assert gains == sorted(gains, reverse=True)


def test_versions_of_other_targets_are_not_compared(two_regressors, make_version):
    other = make_version(two_regressors[0].dataset_version, target="z", features=["x"], **TREE)
    with pytest.raises(ValidationError, match="Only predictions of the same target"):
        predictions.compare(two_regressors[0], other)


def test_a_version_whose_columns_the_table_lacks_is_named(two_regressors, make_dataset, make_version):
    renamed = make_dataset("steps", STEPS.replace("x,y,z", "w,y,z"), new_version=True)
    latest = make_version(renamed, target="y", features=["w"], **TREE)
    with pytest.raises(ValidationError, match=r"Version 1 needs the column `x`, which .* does not have"):
        predictions.compare(two_regressors[0], ModelVersion.objects.numbered("steps", latest.number))


def test_the_inputs_of_a_row_are_json_with_dates_as_they_are_written(make_dataset, make_version):
    rows = "".join(f"2026-01-{1 + i % 28:02d},{i % 2},{i % 3 if i % 5 else ''},{i % 7}\n" for i in range(60))
    source = make_dataset("visits", "day,free,age,spend\n" + rows)
    made = [make_version(source, target="spend", **algorithm) for algorithm in (LINE, TREE)]
    stored = [ModelVersion.objects.numbered("visits", one.number) for one in made]
    inputs = [row["inputs"] for row in predictions.compare(*stored)["largest"]]
    assert all(len(one["day"]) == 10 for one in inputs)
    assert {type(one["age"]) for one in inputs} <= {int, float, type(None)}


@pytest.fixture
def lines_and_steps(make_dataset, make_version):
    """A line, and a tree that learns the steps, of 100 rows."""
    source = make_dataset("stairs", "x,y\n" + "".join(f"{i},{10 * (i // 50 % 2)}\n" for i in range(200)))
    made = [make_version(source, target="y", **algorithm) for algorithm in (LINE, TREE)]
    return [ModelVersion.objects.numbered("stairs", one.number) for one in made]


def test_the_primary_metric_is_compared_on_the_rows_that_both_held_out(lines_and_steps):
    line, tree = lines_and_steps
    result = predictions.compare(line, tree)
    found = result["paired"]
    assert (found["metric"], found["verdict"]) == ("r2", "better")
    assert [found["live"], found["coming"]] == pytest.approx([line.metrics["r2"], tree.metrics["r2"]])
    assert found["interval"][0] < found["difference"] < found["interval"][1]
    assert result["conclusion"].endswith("version 2 is better by more than noise.")
    tests = {one["metric"]: one for one in result["paired_metrics"]}
    assert list(tests) == [
        "r2",
        "rmse",
        "mae",
        "median_absolute_error",
        "mse",
        "smape",
    ]  # an actual value is 0
    assert tests["r2"] == found
    assert all(one["verdict"] == "better" for one in tests.values())
    assert tests["mae"]["p_value"] > found["p_value"]  # for the number of tests
    reverse = predictions.compare(tree, line)
    assert {one["verdict"] for one in reverse["paired_metrics"]} == {"worse"}


def test_recall_and_accuracy_are_one_test(make_dataset, make_version):
    source = make_dataset("stairs", "x,y\n" + "".join(f"{i},{'ab'[i // 50 % 2]}\n" for i in range(200)))
    for name, module in (("DummyClassifier", "dummy"), ("DecisionTreeClassifier", "tree")):
        make_version(source, target="y", module=module, class_name=name)
    found = predictions.compare(*(ModelVersion.objects.numbered("stairs", number) for number in (1, 2)))
    tests = {one["metric"]: one for one in found["paired_metrics"]}
    assert next(iter(tests)) == found["paired"]["metric"]
    assert tests["recall"] == tests["accuracy"] | {"metric": "recall"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"random_state": 1}, "because they did not hold out the same rows."),
        ({"refit": True}, "because version 3 was fitted again on all rows."),
    ],
)
def test_versions_without_the_same_held_out_rows_get_no_verdict(
    lines_and_steps, make_version, fields, reason
):
    line, _ = lines_and_steps
    make_version(line.dataset_version, target="y", **TREE, **fields)
    result = predictions.compare(line, ModelVersion.objects.numbered("stairs", 3))
    assert result["paired"] is None
    assert result["conclusion"].endswith(reason)


def test_the_page_the_api_and_a_dry_run_of_a_promotion_give_the_same_verdict(lines_and_steps, api, page):
    api.post("/promote", {"dataset_name": "stairs", "version": 1, "target_stage": "staging"})
    versions = {"model": ["stairs/1", "stairs/2"]}
    found = api.get("/models/compare/predictions", versions).json()
    plan = {"dataset_name": "stairs", "version": 2, "target_stage": "staging", "dry_run": True}
    assert api.post("/promote", plan).json()["predictions"] == found
    text = page.get("/registry/models/compare/predictions/", versions).text
    assert found["conclusion"] in text
    assert "Version 1</th>" in text and "All metrics, row by row" in text
    compared = page.get("/registry/models/compare/", versions).text
    assert "/compare/predictions/?model=stairs/1&amp;model=stairs/2" in compared
    part = page.get("/registry/models/compare/predictions/", versions, headers={"HX-Request": "true"}).text
    assert 'id="paired-2-rmse"' in compared and 'id="paired-2-rmse" hx-swap-oob="true"' in part


def test_predictions_of_two_versions_are_compared_not_of_three(lines_and_steps, api, page):
    three = {"model": ["stairs/1", "stairs/2", "stairs/3"]}
    assert "Select two model versions" in api.get("/models/compare/predictions", three).json()["detail"]
    assert page.get("/registry/models/compare/predictions/", three).status_code == 400
