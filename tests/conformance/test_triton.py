"""tritonclient[http] against the platform: what it asks of a server, rows in binary and as JSON."""

import pytest

from tests.conformance import table
from tests.conformance.conftest import SERVER


@pytest.fixture(scope="module")
def told(client):
    return client("triton.py")


def test_the_server_and_its_models_are_there(told):
    assert [told[name] for name in ("live", "ready", "model ready", "version ready")] == [True] * 4
    assert told["unknown ready"] is False
    assert told["server"].items() >= SERVER.items()
    assert [tensor["datatype"] for tensor in told["model"]["inputs"]] == list(table.KINDS.values())


@pytest.mark.parametrize("form", ["binary", "gzip", "deflate", "mixed"])
def test_binary_inputs_predict_the_same(told, wanted, form):
    assert told[form] == wanted["predictions"]


def test_probabilities_come_in_binary_to_the_last_bit(told, wanted):
    assert told["probabilities"] == wanted["probabilities"]
    assert told["mixed id"] == "seven"


def test_inputs_and_outputs_in_json_are_the_same(told, wanted):
    kept = [place for place, row in enumerate(table.ROWS) if row[2] is not None]
    assert told["json"] == [wanted["predictions"][place] for place in kept]
    assert told["json probabilities"] == [wanted["probabilities"][place] for place in kept]


def test_one_array_is_a_table(told, wanted_numbers, platform):
    assert told["array"] == wanted_numbers
    native = platform.predict("numbers", "production", told["whole rows"]).json()
    assert told["whole array"] == native["predictions"]


def test_a_fault_has_its_status_and_its_sentence(told):
    assert told["fault"][0] == "400"
    assert "is missing" in told["fault"][1]
    assert told["no model"][0] == "404"
