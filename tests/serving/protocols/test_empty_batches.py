"""No rows are a valid request: every call and format answers with an empty result."""

import io
import json

import pandas
import pyarrow.parquet
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.conformance import table
from tests.serving.callers import INVOCATIONS, V2, columns, expected, send, version

__all__ = ["expected", "send", "version"]

HEADER = ",".join(table.NAMES)


def empty_parquet() -> bytes:
    buffer = io.BytesIO()
    frame = pandas.DataFrame(columns=[*table.NAMES, "note"]).astype(
        {"picked": "datetime64[us]", "length": "int64"}
    )
    frame.to_parquet(buffer)
    return buffer.getvalue()


EMPTY_INVOCATIONS = [
    {"instances": []}, {"inputs": []}, {"inputs": {name: [] for name in table.NAMES}}, {"dataframe_records": []},
    {"dataframe_split": {"data": []}}, {"dataframe_split": {"columns": [], "data": []}},
    {"dataframe_split": {"columns": [*table.NAMES[::-1], "note"], "index": [], "data": []}},
]  # fmt: skip


def test_invocations_without_rows_have_no_predictions(send, subtests):
    for body in EMPTY_INVOCATIONS:
        with subtests.test(body=str(body)):
            assert send(INVOCATIONS, body).json() == {"predictions": []}
    for kind, content in [("text/csv", HEADER), ("application/vnd.apache.parquet", empty_parquet())]:
        with subtests.test(kind=kind):
            assert send(INVOCATIONS, content, kind=kind).json() == {"predictions": []}


def test_a_header_without_rows_still_needs_the_models_columns(send):
    response = send(INVOCATIONS, HEADER.replace("width,", ""), kind="text/csv")
    assert response.json()["message"] == "Column `width` is missing."


def test_no_instances_have_no_predictions(send):
    assert send("/v1/models/flowers:predict", {"instances": []}).json() == {"predictions": []}


def test_no_features_have_no_predictions(send):
    body = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": []}}
    response = send("/predict", body | {"probabilities": True, "warnings": True}).json()
    assert response["predictions"] == response["probabilities"] == response["warnings"] == []
    assert response["classes"] == ["rose", "tulip"]


EMPTY_TENSORS = [
    [{"name": "rows", "shape": [0, len(table.NAMES)], "datatype": "FP64", "data": []}],
    columns([]),
    [tensor | {"shape": [0, 1]} for tensor in columns([])],
]


def test_tensors_without_rows_have_empty_outputs(send, subtests):
    outputs = [{"name": "predict"}, {"name": "predict_proba"}]
    for inputs in EMPTY_TENSORS:
        with subtests.test(inputs=str(inputs)):
            predictions, scores = send(V2, {"inputs": inputs, "outputs": outputs}).json()["outputs"]
            assert (predictions["shape"], predictions["datatype"], predictions["data"]) == ([0], "BYTES", [])
            assert (scores["shape"], scores["datatype"], scores["data"]) == ([0, 2], "FP64", [])


def test_binary_tensors_can_be_empty(send):
    inputs = [tensor | {"parameters": {"binary_data_size": 0}} for tensor in columns([])]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}})
    response = send(V2, head, **{"Inference-Header-Content-Length": str(len(head))})
    (output,) = json.loads(response.content[: int(response["Inference-Header-Content-Length"])])["outputs"]
    assert (output["shape"], output["parameters"]["binary_data_size"]) == ([0], 0)


@pytest.fixture
def predict_file(api, version):
    def post(name, content, **headers):
        body = {"dataset_name": "flowers", "environment": "dev", "probabilities": True}
        file = SimpleUploadedFile(name, content)
        return api.post("/predict/file", body | {"file": file}, format="multipart", headers=headers)

    return post


def test_a_csv_file_without_rows_comes_back_with_the_prediction_columns(predict_file):
    response = predict_file("new.csv", f"{HEADER};".replace(",", ";").encode() + b"note\n")
    header = b"".join(response.streaming_content).decode()
    assert header == f"{HEADER},note,prediction,probability_rose,probability_tulip\n".replace(",", ";")


def test_a_parquet_file_without_rows_comes_back_with_the_prediction_columns(predict_file):
    content = b"".join(predict_file("new.parquet", empty_parquet()).streaming_content)
    result = pyarrow.parquet.read_table(io.BytesIO(content))
    assert result.column_names == [
        *table.NAMES,
        "note",
        "prediction",
        "probability_rose",
        "probability_tulip",
    ]
    assert list(map(str, result.schema.types[-3:])) == ["string", "double", "double"]
    assert list(pandas.read_parquet(io.BytesIO(content))) == result.column_names


def test_a_file_without_rows_can_be_a_scoring_job(predict_file, api):
    job = api.get(predict_file("new.csv", HEADER.encode(), Prefer="respond-async").json()["url"]).json()
    assert (job["state"], job["progress"], job["rows"], job["rows_done"]) == ("succeeded", 1.0, 0, 0)
    assert b"".join(api.get(job["result"]["url"]).streaming_content).decode().count("\n") == 1
