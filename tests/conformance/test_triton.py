"""tritonclient[http]: health and metadata, and rows in binary and as JSON."""

import pytest

from tests.conformance import table
from tests.conformance.conftest import SERVER


@pytest.fixture(scope="module")
def results(client):
    return client("triton.py")


def test_health_and_metadata_are_read_by_the_client(results):
    assert [results[name] for name in ("live", "ready", "model ready", "version ready")] == [True] * 4
    assert results["unknown ready"] is False
    assert results["server"].items() >= SERVER.items()
    assert [tensor["datatype"] for tensor in results["model"]["inputs"]] == list(table.KINDS.values())


@pytest.mark.parametrize("form", ["binary", "gzip", "deflate", "mixed"])
def test_binary_inputs_get_the_native_predictions(results, expected, form):
    assert results[form] == expected["predictions"]


def test_binary_probabilities_equal_the_native_ones(results, expected):
    assert results["probabilities"] == expected["probabilities"]
    assert results["mixed id"] == "seven"


def test_json_inputs_and_outputs_equal_the_native_ones(results, expected):
    rows = [index for index, row in enumerate(table.ROWS) if row[2] is not None]
    assert results["json"] == [expected["predictions"][index] for index in rows]
    assert results["json probabilities"] == [expected["probabilities"][index] for index in rows]


def test_a_two_dimensional_array_is_a_table(results, expected_numbers, platform):
    assert results["array"] == expected_numbers
    native = platform.predict("numbers", "production", results["whole rows"]).json()
    assert results["whole array"] == native["predictions"]


def test_errors_have_a_status_and_a_message(results):
    assert results["error"][0] == "400"
    assert "is missing" in results["error"][1]
    assert results["no model"][0] == "404"
