"""Binary tensors of the Open Inference Protocol, in requests and responses, by Triton's extension."""

import json
import struct

import numpy as np
import pytest

from mlplatform.auth import tokens
from registry.releases.promotion import promote
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
def expected(infer, admin):
    return predict("flowers", stage="production", rows=ROWS, by=admin, probabilities=True)


def texts(*values: str) -> bytes:
    encoded = [value.encode() for value in values]
    return b"".join(struct.pack("<I", len(value)) + value for value in encoded)


def split(response) -> tuple[dict, bytes]:
    size = int(response[SIZE])
    return json.loads(response.content[:size]), response.content[size:]


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
        {"name": name, "datatype": kinds[name], "shape": [4], "data": [row[index] for row in ROWS]}
        for index, name in enumerate(NAMES)
    ]


def test_missing_values_in_binary_are_nan_and_empty_texts(infer, expected):
    inputs, raw = binary_inputs()
    assert infer({"inputs": inputs}, raw).json()["outputs"][0]["data"] == expected.predictions


def test_binary_data_output_makes_all_outputs_binary(infer, expected):
    outputs = [{"name": "predict_proba"}, {"name": "predict"}]
    response = infer(
        {"inputs": json_inputs(), "outputs": outputs, "parameters": {"binary_data_output": True}}
    )
    assert response["Content-Type"] == "application/octet-stream"
    body, raw = split(response)
    probabilities, labels = body["outputs"]
    assert (probabilities["datatype"], probabilities["shape"], probabilities["parameters"]["binary_data_size"]) == (
        "FP64", [4, 2], 64,
    )  # fmt: skip
    assert np.frombuffer(raw[:64]).reshape(4, 2).tolist() == expected.probabilities
    assert "data" not in probabilities
    assert "data" not in labels
    assert raw[64:] == texts(*expected.predictions)
    assert labels["parameters"]["binary_data_size"] == len(raw) - 64


def test_binary_data_of_an_output_decides_its_form(infer, expected):
    outputs = [
        {"name": "predict", "parameters": {"binary_data": False}},
        {"name": "predict_proba", "parameters": {"binary_data": True}},
    ]
    body, raw = split(infer({"inputs": json_inputs(), "outputs": outputs}))
    assert body["outputs"][0]["data"] == expected.predictions
    assert np.frombuffer(raw).tolist() == [value for row in expected.probabilities for value in row]


def test_a_json_response_has_no_length_header(infer):
    response = infer({"inputs": json_inputs(), "parameters": {"binary_data_output": False}})
    assert SIZE not in response
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("kind", "dtype", "datatype"), [("Classifier", "int64", "INT64"), ("Regressor", "float64", "FP64")]
)
def test_binary_numbers_have_the_datatype_of_the_output(
    client, admin, make_dataset, make_version, kind, dtype, datatype
):
    table = "a,b,y\n" + "".join(
        f"{i % 4},{i % 3},{i % 2 if kind == 'Classifier' else i}\n" for i in range(24)
    )
    make_version(make_dataset("numbers", table), class_name=f"DecisionTree{kind}")
    body = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 0]}],
        "parameters": {"binary_data_output": True},
    }
    response = client.post(
        "/v2/models/numbers@dev/infer",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {tokens.create(admin).token}"},
    )
    body, raw = split(response)
    result = predict("numbers", stage="dev", rows=[[1, 2], [3, 0]], by=admin)
    assert body["outputs"][0]["datatype"] == datatype
    assert np.frombuffer(raw, dtype=dtype).tolist() == result.predictions


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        ({}, b"1", "more bytes"),
        ({"shape": [3]}, b"", "its shape requires 3"),
        ({"datatype": "FP32"}, b"", "its shape requires 4"),
        ({"datatype": "FP16", "parameters": {"binary_data_size": 31}}, b"", "not valid FP16"),
        ({"parameters": {"binary_data_size": 10**9}}, b"", "fewer bytes"),
        ({"parameters": {"binary_data_size": -8}}, b"", "integer"),
        ({"parameters": {"binary_data_size": True}}, b"", "integer"),
        ({"datatype": "BYTES"}, b"", "not valid BYTES"),
    ],
)
def test_binary_data_that_does_not_match_its_shape_is_400(infer, change, more, words):
    inputs, raw = binary_inputs()
    response = infer({"inputs": [inputs[0] | change, *inputs[1:]]}, raw + more)
    assert response.status_code == 400
    assert words in response.json()["error"]


@pytest.mark.parametrize("size", ["-1", "x", "9" * 5000, "²", "999999", "1.0", ""])
def test_an_invalid_length_header_is_400(infer, size):
    response = infer({"inputs": json_inputs()}, **{SIZE: size})
    assert (response.status_code, list(response.json())) == (400, ["error"])


@pytest.mark.parametrize("parameters", [{"classification": 2}, {"shared_memory_region": "r"}])
def test_other_extensions_of_triton_are_501(infer, parameters):
    outputs = [{"name": "predict_proba", "parameters": parameters}]
    response = infer({"inputs": json_inputs(), "outputs": outputs})
    assert (response.status_code, list(response.json())) == (501, ["error"])
