"""MLflow's scoring client and serialisers against the platform."""

import json
import re

import pytest


@pytest.fixture(scope="module")
def told(client):
    return client("mlflow_client.py")


@pytest.mark.parametrize(
    "form",
    ["client", "client with dates", "dump", "split", "records", "instances", "inputs", "csv"],
)
def test_each_of_its_forms_predicts_the_same(told, wanted, form):
    assert told[form] == wanted["predictions"]


def test_arrays_are_tables(told, wanted_numbers):
    assert told["array"] == told["array as instances"] == wanted_numbers


def test_it_finds_a_server_of_a_version(told):
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["version"])


def test_failures_have_its_body_and_status(told):
    assert "error code 400" in told["refused"]
    assert "Column `width` is missing." in told["refused"]
    for status, content_type, text in told["failures"][:3]:
        assert (status, content_type) == (400, "application/json")
        assert json.loads(text)["error_code"] == "BAD_REQUEST"
    assert told["failures"][3][:2] == [415, "text/plain"]
