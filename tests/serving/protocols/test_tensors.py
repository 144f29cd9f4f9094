"""Binary tensors of the Open Inference Protocol, in and out, as Triton's extension says."""

import json
import struct

import numpy as np
import pytest

from mlplatform.auth import tokens
from registry.promotion import promote
from serving.prediction import predict

NAMES = ["length", "width", "colour"]
ROWS = [[5, 1.5, "red"], [9, 1.6, "blue"], [None, 1.7, "violet"], [11, None, None]]
PATH = "/v2/models/flowers/infer"
SIZE = "Inference-Header-Content-Length"


@pytest.fixture
def infer(program, admin, make_version):
    promote(make_version(), stage="production", by=admin)
    token = tokens.create(admin).token

    def post(body: dict, raw: bytes = b"", **headers):
        head = json.dumps(body).encode()
        sized = {SIZE: str(len(head))} if raw else {}
        sized["Authorization"] = f"Bearer {token}"
        return program("POST", PATH, head + raw, content_type="application/octet-stream", **sized | headers)

    return post


@pytest.fixture
def wanted(infer, admin):
    return predict("flowers", stage="production", rows=ROWS, by=admin, probabilities=True)


def texts(*values: str) -> bytes:
    encoded = [value.encode() for value in values]
    return b"".join(struct.pack("<I", len(value)) + value for value in encoded)


def untold(answer) -> tuple[dict, bytes]:
    size = int(answer[SIZE])
    return json.loads(answer.content[:size]), answer.content[size:]


def binary_inputs() -> tuple[list[dict], bytes]:
    missing = float("nan")
    parts = [
        ("length", "FP64", np.array([missing if row[0] is None else row[0] for row in ROWS]).tobytes()),
        ("width", "FP64", np.array([missing if row[1] is None else row[1] for row in ROWS]).tobytes()),
        ("colour", "BYTES", texts(*[row[2] or "" for row in ROWS])),
    ]
    inputs = [
        {"name": name, "datatype": kind, "shape": [4, 1], "parameters": {"binary_data_size": len(raw)}}
        for name, kind, raw in parts
    ]
    return inputs, b"".join(raw for _, _, raw in parts)


def json_inputs() -> list[dict]:
    kinds = {"length": "FP64", "width": "FP64", "colour": "BYTES"}
    return [
        {"name": name, "datatype": kinds[name], "shape": [4], "data": [row[place] for row in ROWS]}
        for place, name in enumerate(NAMES)
    ]


def test_gaps_are_nan_and_empty_texts_where_there_is_no_null(infer, wanted):
    inputs, raw = binary_inputs()
    assert infer({"inputs": inputs}, raw).json()["outputs"][0]["data"] == wanted.predictions


def test_all_outputs_are_binary_where_the_request_says_so(infer, wanted):
    outputs = [{"name": "predict_proba"}, {"name": "predict"}]
    answer = infer({"inputs": json_inputs(), "outputs": outputs, "parameters": {"binary_data_output": True}})
    assert answer["Content-Type"] == "application/octet-stream"
    told, raw = untold(answer)
    chances, labels = told["outputs"]
    assert (chances["datatype"], chances["shape"], chances["parameters"]["binary_data_size"]) == (
        "FP64", [4, 2], 64,
    )  # fmt: skip
    assert np.frombuffer(raw[:64]).reshape(4, 2).tolist() == wanted.probabilities
    assert "data" not in chances
    assert "data" not in labels
    assert raw[64:] == texts(*wanted.predictions)
    assert labels["parameters"]["binary_data_size"] == len(raw) - 64


def test_an_output_says_for_itself_whether_it_is_binary(infer, wanted):
    outputs = [
        {"name": "predict", "parameters": {"binary_data": False}},
        {"name": "predict_proba", "parameters": {"binary_data": True}},
    ]
    told, raw = untold(infer({"inputs": json_inputs(), "outputs": outputs}))
    assert told["outputs"][0]["data"] == wanted.predictions
    assert np.frombuffer(raw).tolist() == [chance for row in wanted.probabilities for chance in row]


def test_an_answer_in_json_has_no_header_of_lengths(infer):
    answer = infer({"inputs": json_inputs(), "parameters": {"binary_data_output": False}})
    assert SIZE not in answer
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("kind", "asked", "shape"), [("Classifier", "int64", "INT64"), ("Regressor", "float64", "FP64")]
)
def test_numbers_are_binary_in_their_own_type(client, admin, make_dataset, make_version, kind, asked, shape):
    table = "a,b,y\n" + "".join(
        f"{i % 4},{i % 3},{i % 2 if kind == 'Classifier' else i}\n" for i in range(24)
    )
    make_version(make_dataset("numbers", table), class_name=f"DecisionTree{kind}")
    body = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 0]}],
        "parameters": {"binary_data_output": True},
    }
    answer = client.post(
        "/v2/models/numbers@dev/infer",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {tokens.create(admin).token}"},
    )
    told, raw = untold(answer)
    made = predict("numbers", stage="dev", rows=[[1, 2], [3, 0]], by=admin)
    assert told["outputs"][0]["datatype"] == shape
    assert np.frombuffer(raw, dtype=asked).tolist() == made.predictions


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        ({}, b"1", "more bytes"),
        ({"shape": [3]}, b"", "its shape says 3"),
        ({"datatype": "FP32"}, b"", "its shape says 4"),
        ({"datatype": "FP16", "parameters": {"binary_data_size": 31}}, b"", "is not FP16"),
        ({"parameters": {"binary_data_size": 10**9}}, b"", "fewer bytes"),
        ({"parameters": {"binary_data_size": -8}}, b"", "whole number"),
        ({"parameters": {"binary_data_size": True}}, b"", "whole number"),
        ({"datatype": "BYTES"}, b"", "is not BYTES"),
    ],
)
def test_binary_data_that_does_not_fit_is_400(infer, change, more, words):
    inputs, raw = binary_inputs()
    answer = infer({"inputs": [inputs[0] | change, *inputs[1:]]}, raw + more)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize("size", ["-1", "x", "9" * 5000, "²", "999999", "1.0", ""])
def test_a_length_that_is_none_is_400(infer, size):
    answer = infer({"inputs": json_inputs()}, **{SIZE: size})
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize("parameters", [{"classification": 2}, {"shared_memory_region": "r"}])
def test_what_tritons_extensions_offer_beyond_is_501(infer, parameters):
    outputs = [{"name": "predict_proba", "parameters": parameters}]
    answer = infer({"inputs": json_inputs(), "outputs": outputs})
    assert (answer.status_code, list(answer.json())) == (501, ["error"])
