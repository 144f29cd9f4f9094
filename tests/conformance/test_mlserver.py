"""mlserver's types and codecs: frames, arrays and columns as they encode them."""

import pytest

from tests.conformance import table
from tests.conformance.conftest import SERVER


@pytest.fixture(scope="module")
def results(client):
    return client("mlserver_codecs.py")


def test_columns_of_its_types_get_the_native_predictions(results, expected):
    assert results["columns"] == expected["predictions"]
    assert results["probabilities"] == expected["probabilities"]


@pytest.mark.parametrize("form", ["frame", "frame by name", "object column", "decoded", "object array"])
def test_frames_and_arrays_of_its_codecs_get_the_native_predictions(results, expected, form):
    complete = zip(expected["predictions"], results["complete"], strict=True)
    assert results[form] == [label for label, is_complete in complete if is_complete]
    assert results["object column type"] == "pd_json"


def test_a_two_dimensional_array_is_a_table(results, expected_numbers):
    assert results["array"] == expected_numbers


def test_its_types_read_metadata_and_errors(results):
    assert results["server"].items() >= SERVER.items()
    assert (results["platform"], results["datatypes"]) == ("sklearn", list(table.KINDS.values()))
    assert "none" in results["error"]
    assert "inputs" in results["infer error"]
