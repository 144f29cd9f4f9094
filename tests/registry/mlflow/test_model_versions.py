"""Model versions by MLflow's API: read, search, describe, tag, delete."""

import sqlite3

import pytest
from django.db import connection


def numbers(answer) -> list[str]:
    status, body = answer
    assert status == 200, body
    return [version["version"] for version in body["model_versions"]]


def test_a_version_has_its_parameters_metrics_and_source(mlflow, versions):
    _, body = mlflow("GET", "model-versions/get", name="flowers", version="1")
    found, own = body["model_version"], versions[0]
    assert found["source"] == "mlflow-artifacts:/flowers/1"
    assert {"name": "algorithm", "value": "DecisionTreeClassifier"} in found["model_params"]
    [accuracy] = [one for one in found["model_metrics"] if one["key"] == "accuracy"]
    assert accuracy["value"] == own.metrics["accuracy"]
    assert mlflow("GET", "model-versions/get-download-uri", name="flowers", version="1") == (
        200,
        {"artifact_uri": "mlflow-artifacts:/flowers/1"},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["3", "2", "1"]),
        ("name = 'flowers'", ["3", "2", "1"]),
        ("name LIKE 'f%' AND version_number >= 2", ["3", "2"]),
        ("version_number < 3 and version_number != 1", ["2"]),
        ("version_number = 99999999999999999", []),
        ("version_number = '2'", ["2"]),
        ("run_id = 'x'", []),
        ("run_id != 'x'", ["3", "2", "1"]),
        ("run_id IN ('x', 'y')", []),
        ("source_path = 'mlflow-artifacts:/flowers/2'", ["2"]),
        ("source_path LIKE '%/3'", ["3"]),
        ("tags.`checked by` = 'ada'", ["1"]),
        ("name = 'none'", []),
    ],
)
def test_a_search_filters_versions(mlflow, versions, text, expected):
    fields = {"name": "flowers", "version": "1", "key": "checked by", "value": "ada"}
    assert mlflow("POST", "model-versions/set-tag", **fields) == (200, {})
    assert numbers(mlflow("GET", "model-versions/search", filter=text)) == expected


def test_a_search_is_ordered_by_the_last_release(mlflow, versions):
    fields = {"name": "flowers", "version": "1", "stage": "Staging"}
    assert mlflow("POST", "model-versions/transition-stage", **fields)[0] == 200
    assert numbers(mlflow("GET", "model-versions/search")) == ["1", "3", "2"]
    in_order = mlflow("GET", "model-versions/search", order_by=["version_number ASC"], max_results=2)
    assert numbers(in_order) == ["1", "2"]
    rest = mlflow("GET", "model-versions/search", page_token=in_order[1]["next_page_token"])
    assert len(numbers(rest)) == 1


def test_a_description_and_tags_are_written(mlflow, versions):
    fields = {"name": "flowers", "version": "2"}
    _, body = mlflow("PATCH", "model-versions/update", description="The best.", **fields)
    assert body["model_version"]["description"] == "The best."
    mlflow("POST", "model-versions/set-tag", key="state", value="", **fields)
    [tag] = mlflow("GET", "model-versions/get", **fields)[1]["model_version"]["tags"]
    assert tag == {"key": "state", "value": ""}
    assert mlflow("DELETE", "model-versions/delete-tag", key="state", **fields) == (200, {})


def test_a_version_is_deleted_with_its_tags_and_aliases(mlflow, versions):
    fields = {"name": "flowers", "version": "1"}
    mlflow("POST", "model-versions/set-tag", key="a", value="b", **fields)
    mlflow("POST", "registered-models/alias", alias="first", **fields)
    assert mlflow("DELETE", "model-versions/delete", **fields) == (200, {})
    status, body = mlflow("GET", "model-versions/get", **fields)
    assert (status, body["message"]) == (404, "Model version 1 of `flowers` was deleted.")
    status, _ = mlflow("GET", "registered-models/alias", name="flowers", alias="first")
    assert status == 400


@pytest.mark.parametrize("version", ["x", "-1", "1.0", "99999999999", ""])
def test_a_version_that_is_no_number_is_an_invalid_parameter_value(mlflow, make_dataset, version):
    make_dataset()
    status, body = mlflow("GET", "model-versions/get", name="flowers", version=version)
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert mlflow("GET", "model-versions/get", name="flowers", version="7")[0] == 404


@pytest.mark.parametrize("comparison", ["source_path != 'x'", "name != 'x'", "tags.team != 'x'"])
def test_comparisons_share_the_variables_of_a_query(mlflow, versions, comparison):
    for number in "123":
        mlflow("POST", "model-versions/set-tag", name="flowers", version=number, key="team", value="a")
    limits = connection.connection, sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    before = limits[0].setlimit(limits[1], 40)  # instead of 250,000
    found = mlflow("GET", "model-versions/search", filter=" AND ".join([comparison] * 50))
    limits[0].setlimit(limits[1], before)
    assert len(numbers(found)) == 3
