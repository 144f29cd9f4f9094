"""kserve's client and types: they parse every response, and their requests get the native predictions."""

import json

import pytest

from tests.conformance.conftest import SERVER


@pytest.fixture(scope="module")
def results(client):
    return client("kserve_types.py")


def test_health_and_metadata_are_read_by_the_client(results):
    assert [results[name] for name in ("live", "ready", "model ready")] == [True] * 3
    assert (results["live type"], results["ready type"]) == ({"live": True}, {"ready": True})
    assert results["model ready type"] == {"name": "flowers", "ready": True}
    assert results["models"] == {"models": ["flowers", "numbers"]}
    assert results["server"].items() >= SERVER.items()
    assert results["model"] == results["version"]


@pytest.mark.parametrize("form", ["binary", "json", "binary output"])
def test_its_requests_get_the_native_predictions(results, expected, form):
    assert results[form] == expected["predictions"]


def test_probabilities_and_ids_are_returned(results, expected):
    assert results["probabilities"] == expected["probabilities"]
    assert results["id"] == "nine"


def test_its_response_type_reads_the_whole_response(results, expected):
    labels, probabilities = results["response"]["outputs"]
    assert labels["data"] == expected["predictions"]
    assert probabilities["data"] == [value for row in expected["probabilities"] for value in row]
    assert json.loads(probabilities["parameters"]["classes"]) == expected["classes"]
    assert results["response"]["id"]


def test_every_error_has_a_status_of_the_protocol_and_one_string(results):
    assert [status for status, _ in results["errors"]] == [404, 404, 405, 404, 404, 400]
    assert results["missing"][0] == 400
    for _, body in [*results["errors"], results["missing"]]:
        assert list(body) == ["error"]
        assert isinstance(body["error"], str)


@pytest.mark.parametrize("form", ["v1", "v1 by name"])
def test_its_v1_requests_get_the_native_predictions(results, expected, form):
    assert results[form] == expected["predictions"]
    assert results["v1 ready"] is True
    assert results["v1 models"] == results["models"]


def test_v1_errors_have_the_body_of_v2(results):
    assert [status for status, _ in results["v1 errors"]] == [400, 404, 405, 405]
    assert all(list(body) == ["error"] for _, body in results["v1 errors"])
