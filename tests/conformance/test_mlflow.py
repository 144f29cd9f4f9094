"""MLflow's scoring client and serialisers."""

import json
import re

import pytest


@pytest.fixture(scope="module")
def results(client):
    return client("mlflow_client.py")


@pytest.mark.parametrize(
    "form",
    ["client", "client with dates", "dump", "split", "records", "instances", "inputs", "csv"],
)
def test_each_of_its_formats_gets_the_native_predictions(results, expected, form):
    assert results[form] == expected["predictions"]


def test_a_two_dimensional_array_is_a_table(results, expected_numbers):
    assert results["array"] == results["array as instances"] == expected_numbers


def test_the_server_version_is_read_by_the_client(results):
    assert re.fullmatch(r"\d+\.\d+\.\d+", results["version"])


def test_errors_have_its_body_and_status(results):
    assert "error code 400" in results["client_error"]
    assert "Column `width` is missing." in results["client_error"]
    for status, content_type, text in results["errors"][:3]:
        assert (status, content_type) == (400, "application/json")
        assert json.loads(text)["error_code"] == "BAD_REQUEST"
    assert results["errors"][3][:2] == [415, "text/plain"]
