"""kserve's client and types against the platform: they parse every answer, and their requests are answered right."""

import json

import pytest

from tests.conformance.conftest import SERVER


@pytest.fixture(scope="module")
def told(client):
    return client("kserve_types.py")


def test_the_server_and_its_models_are_there(told):
    assert [told[name] for name in ("live", "ready", "model ready")] == [True] * 3
    assert (told["live type"], told["ready type"]) == ({"live": True}, {"ready": True})
    assert told["model ready type"] == {"name": "flowers", "ready": True}
    assert told["models"] == {"models": ["flowers", "numbers"]}
    assert told["server"].items() >= SERVER.items()
    assert told["model"] == told["version"]


@pytest.mark.parametrize("form", ["binary", "json", "asked for binary"])
def test_requests_of_its_types_predict_the_same(told, wanted, form):
    assert told[form] == wanted["predictions"]


def test_probabilities_and_ids_come_back(told, wanted):
    assert told["probabilities"] == wanted["probabilities"]
    assert told["id"] == "nine"


def test_its_type_reads_the_whole_answer(told, wanted):
    labels, chances = told["response"]["outputs"]
    assert labels["data"] == wanted["predictions"]
    assert chances["data"] == [chance for row in wanted["probabilities"] for chance in row]
    assert json.loads(chances["parameters"]["classes"]) == wanted["classes"]
    assert told["response"]["id"]


def test_every_failure_is_a_status_of_its_table_and_one_text(told):
    assert [status for status, _ in told["errors"]] == [404, 404, 405, 404, 404, 400]
    assert told["missing"][0] == 400
    for _, body in [*told["errors"], told["missing"]]:
        assert list(body) == ["error"]
        assert isinstance(body["error"], str)


@pytest.mark.parametrize("form", ["first", "first by name"])
def test_its_first_protocol_predicts_the_same(told, wanted, form):
    assert told[form] == wanted["predictions"]
    assert told["first ready"] is True
    assert told["first models"] == told["models"]


def test_failures_of_the_first_protocol_are_as_those_of_the_second(told):
    assert [status for status, _ in told["first errors"]] == [400, 404, 405, 405]
    assert all(list(body) == ["error"] for _, body in told["first errors"])
