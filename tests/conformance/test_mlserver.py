"""mlserver's types and codecs against the platform: frames, arrays and columns as they encode them."""

import pytest

from tests.conformance import table
from tests.conformance.conftest import SERVER


@pytest.fixture(scope="module")
def told(client):
    return client("mlserver_codecs.py")


def test_columns_by_its_types_predict_the_same(told, wanted):
    assert told["columns"] == wanted["predictions"]
    assert told["probabilities"] == wanted["probabilities"]


@pytest.mark.parametrize("form", ["frame", "frame by name", "boxed", "decoded", "object array"])
def test_frames_and_arrays_by_its_codecs_predict_the_same(told, wanted, form):
    kept = [label for label, whole in zip(wanted["predictions"], told["whole"], strict=True) if whole]
    assert told[form] == kept
    assert told["boxed type"] == "pd_json"


def test_an_array_of_numbers_is_a_table(told, wanted_numbers):
    assert told["array"] == wanted_numbers


def test_its_types_read_metadata_and_errors(told):
    assert told["server"].items() >= SERVER.items()
    assert (told["platform"], told["datatypes"]) == ("sklearn", list(table.KINDS.values()))
    assert "none" in told["error"]
    assert "inputs" in told["infer error"]
