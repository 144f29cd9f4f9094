"""Every protocol and format gives the same predictions for the same rows, each with its own names and errors."""

import io
import json
import re
import struct

import pandas
import pytest

from mlplatform.auth import tokens
from mlplatform.errors import NOT_AUTHENTICATED
from registry.releases.promotion import promote
from serving.prediction import predict

NAMES = ["length", "width", "colour"]
ROWS = [[5 + i % 5, 1.5 + i % 4 / 10, ["red", "blue", None, "violet"][i % 4]] for i in range(48)]
ROWS += [[None, None, None], [9, None, "red"]]
MODEL = "/v2/models/flowers"


@pytest.fixture
def version(make_version, admin):
    version = make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 7})
    promote(version, stage="production", by=admin)
    return version


@pytest.fixture
def send(program, admin, version):
    headers = {"Authorization": f"Bearer {tokens.create(admin).token}"}

    def post(path, body, *, content_type="application/json", **more):
        return program("POST", path, body, content_type=content_type, **headers | more)

    post.get = lambda path: program("GET", path, **headers)
    return post


@pytest.fixture
def expected(admin, version):
    return predict("flowers", stage="production", rows=ROWS, by=admin, probabilities=True)


def columns() -> dict[str, list]:
    return {name: [row[index] for row in ROWS] for index, name in enumerate(NAMES)}


def tensors(rows=ROWS) -> list[dict]:
    kinds = {"length": "FP64", "width": "FP32", "colour": "BYTES"}
    return [
        {"name": name, "shape": [len(rows)], "datatype": kinds[name], "data": [row[index] for row in rows]}
        for index, name in enumerate(NAMES)
    ]


def frame() -> pandas.DataFrame:
    return pandas.DataFrame(ROWS, columns=NAMES)


def parquet() -> bytes:
    buffer = io.BytesIO()
    frame().assign(other=1).to_parquet(buffer)
    return buffer.getvalue()


INVOCATIONS = {
    "split": {"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in ROWS]}},
    "split without columns": {"dataframe_split": {"data": ROWS}},
    "records": {"dataframe_records": [{"extra": 1} | dict(zip(NAMES, row, strict=True)) for row in ROWS]},
    "instances of rows": {"instances": ROWS},
    "instances of objects": {"instances": [dict(zip(NAMES, row, strict=True)) for row in ROWS]},
    "inputs by column": {"inputs": columns(), "params": {}},
    "inputs by rows": {"inputs": ROWS},
}


@pytest.mark.parametrize("form", INVOCATIONS)
def test_each_json_form_of_mlflow_predicts_the_same(send, expected, form):
    response = send("/invocations", INVOCATIONS[form], **{"X-Model": "flowers@production"})
    assert response.status_code == 200, response.content
    assert response.json() == {"predictions": expected.predictions}


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/csv", frame().to_csv(index=False)),
        ("text/csv; charset=utf-8", frame()[NAMES[::-1]].assign(extra=1).to_csv(index=False)),
        ("text/csv", frame().to_csv(index=False, header=False)),
        ("application/vnd.apache.parquet", parquet()),
    ],
    ids=["csv", "csv with charset and extra column", "csv without header", "parquet"],
)
def test_csv_with_and_without_header_and_parquet_predict_the_same(
    send, expected, settings, content_type, content
):
    settings.INVOCATIONS_MODEL = "flowers"
    response = send("/invocations", content, content_type=content_type)
    assert response.status_code == 200, response.content
    assert response.json()["predictions"] == expected.predictions


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([1], "exactly one|an object"),
        ({}, "exactly one"),
        ({"inputs": ROWS, "instances": ROWS}, "exactly one"),
        ({"dataframe_split": {"data": ROWS, "more": 1}}, "Unknown field `dataframe_split.more`"),
        ({"dataframe_records": {"a": 1}}, "list of objects"),
        ({"dataframe_records": [{"length": 1}]}, "`width` is missing"),
        ({"instances": [["nine", 1, "red"]]}, "Row 1, column `length` must be a number"),
        ({"inputs": {"length": [1, 2], "width": [1]}}, "same number"),
    ],
)
def test_an_error_has_mlflows_body(send, body, words):
    response = send("/invocations", body, **{"X-Model": "flowers"})
    assert response.status_code == 400
    assert response.json()["error_code"] == "BAD_REQUEST"
    assert re.search(words, response.json()["message"])


def test_an_unsupported_content_type_or_charset_is_415_in_plain_text(send):
    response = send("/invocations", "x", content_type="text/plain", **{"X-Model": "flowers"})
    assert (response.status_code, response["Content-Type"]) == (415, "text/plain")
    response = send("/invocations", "x", content_type="text/csv; charset=latin-1", **{"X-Model": "flowers"})
    assert response.status_code == 415


def test_invocations_require_a_model_and_a_token(send, client, settings):
    assert "X-Model" in send("/invocations", {"instances": ROWS}).json()["message"]
    assert send("/invocations", {"instances": ROWS}, **{"X-Model": "none"}).status_code == 404
    settings.INVOCATIONS_MODEL = "flowers"
    response = client.post("/invocations", {"instances": ROWS}, content_type="application/json")
    assert (response.status_code, response.json()["error_code"]) == (401, "UNAUTHENTICATED")


def test_an_anonymous_caller_can_only_use_the_configured_model(version, client, settings):
    settings.INVOCATIONS_MODEL, settings.INVOCATIONS_ANONYMOUS = "flowers", True
    post = {"data": {"instances": ROWS}, "content_type": "application/json"}
    response = client.post("/invocations", headers={"X-Amzn-SageMaker-Custom-Attributes": "a=1"}, **post)
    assert response.status_code == 200
    assert response["X-Amzn-SageMaker-Custom-Attributes"] == "a=1"
    assert client.post("/invocations", headers={"X-Model": "flowers@dev"}, **post).status_code == 401
    assert client.post("/predict", **post).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://testserver"}, 200),
        ({"origin": "https://app.example.org"}, 200),
    ],
)
def test_an_anonymous_call_from_another_site_is_refused(version, program, settings, headers, status):
    settings.INVOCATIONS_MODEL, settings.INVOCATIONS_ANONYMOUS = "flowers", True
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.org"]
    assert program("POST", "/invocations", {"instances": ROWS}, **headers).status_code == status
    assert program("GET", "/version", **headers).status_code == status


def test_ping_checks_the_configured_model(version, client, settings):
    settings.INVOCATIONS_MODEL = "flowers"
    assert client.get("/ping", headers={"Host": "10.1.2.3"}).status_code == 200
    settings.INVOCATIONS_MODEL = "flowers@staging"
    assert client.get("/ping").status_code == 404


class TestV2:
    def test_columns_predict_the_same(self, send, expected):
        response = send(
            f"{MODEL}/infer", {"id": "7", "parameters": {"content_type": "pd"}, "inputs": tensors()}
        )
        assert response.json() == {
            "model_name": "flowers",
            "model_version": "1",
            "id": "7",
            "outputs": [
                {"name": "predict", "shape": [50], "datatype": "BYTES", "data": expected.predictions},
            ],
        }

    def test_probabilities_are_flattened_by_row_with_their_classes(self, send, expected):
        outputs = [{"name": "predict_proba"}]
        (tensor,) = send(f"{MODEL}/infer", {"inputs": tensors(), "outputs": outputs}).json()["outputs"]
        assert tensor["shape"] == [50, 2]
        assert tensor["data"] == [value for row in expected.probabilities for value in row]
        assert json.loads(tensor["parameters"]["classes"]) == ["rose", "tulip"]

    def test_a_two_dimensional_tensor_is_a_table_in_the_signatures_order(
        self, client, send, make_dataset, make_version
    ):
        table = "a,b,y\n" + "".join(f"{i % 4},{i % 3},{i}.5\n" for i in range(20))
        make_version(make_dataset("numbers", table), class_name="DecisionTreeRegressor")
        path, rows = "/v2/models/numbers@dev/infer", [[1, 2], [3, 0]]
        tensor = {"name": "input-0", "shape": [2, 2], "datatype": "FP32"}
        nested = send(path, {"inputs": [tensor | {"data": rows}]}).json()["outputs"][0]
        flat = send(path, {"inputs": [tensor | {"data": [1, 2, 3, 0]}]}).json()["outputs"][0]
        raw = struct.pack("<4f", 1, 2, 3, 0)
        head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": len(raw)}}]}).encode()
        binary = send(
            path,
            head + raw,
            content_type="application/octet-stream",
            **{"Inference-Header-Content-Length": str(len(head))},
        ).json()["outputs"][0]
        assert nested == flat == binary
        assert (nested["datatype"], nested["shape"]) == ("FP64", [2])

    def test_binary_texts_are_read(self, send):
        raw = b"".join(struct.pack("<I", len(text)) + text for text in (b"red", "bläu".encode()))
        inputs = tensors([[9, 1.5, ""], [9, 1.5, ""]])
        inputs[2] = {
            "name": "colour",
            "shape": [2],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(raw)},
        }
        head = json.dumps({"inputs": inputs}).encode()
        response = send(f"{MODEL}/infer", head + raw, **{"Inference-Header-Content-Length": str(len(head))})
        assert response.json()["outputs"][0]["shape"] == [2]

    def test_metadata_names_inputs_and_outputs(self, send):
        metadata = send.get(MODEL).json()
        assert {"name": "colour", "datatype": "BYTES", "shape": [-1]} in metadata["inputs"]
        assert {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]} in metadata["outputs"]
        assert (metadata["name"], metadata["versions"], metadata["platform"]) == ("flowers", ["1"], "sklearn")
        assert send.get("/v2").json()["name"] == "ml-mini-platform"
        assert send.get("/v2/models").json() == {"models": ["flowers"]}

    def test_a_version_is_found_in_any_stage(self, send, make_version, make_dataset):
        make_version(make_dataset())
        assert send.get(f"{MODEL}/versions/2").json()["versions"] == ["2"]
        response = send(f"{MODEL}/versions/2/infer", {"inputs": tensors()})
        assert response.json()["model_version"] == "2"
        assert send.get("/v2/models/flowers@dev").json()["versions"] == ["2"]

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            (MODEL, 200), (f"{MODEL}/versions/1", 200), ("/v2/models/flowers%40production", 200),
            ("/v2/models/flowers@staging", 404), ("/v2/models/none", 404), (f"{MODEL}/versions/9", 404),
            (f"{MODEL}/versions/x", 404), ("/v2/models/flowers@prod", 404),
        ],
    )  # fmt: skip
    def test_ready_checks_the_live_model(self, send, path, status):
        response = send.get(f"{path}/ready")
        assert response.status_code == status
        assert set(response.json()) == ({"name", "ready"} if status == 200 else {"error"})

    @pytest.mark.parametrize(
        "body",
        [
            [], {}, {"inputs": []}, {"inputs": [1]}, {"inputs": [{"name": "length"}]},
            {"inputs": [*tensors()[:2]]},
            {"inputs": [tensors()[0] | {"shape": [3]}, *tensors()[1:]]},
            {"inputs": [tensors()[0] | {"datatype": "FP128"}, *tensors()[1:]]},
            {"inputs": [tensors()[0] | {"data": ["x"] * 50}, *tensors()[1:]]},
            {"inputs": [tensors()[0] | {"parameters": {"binary_data_size": 8}}, *tensors()[1:]]},
            {"inputs": tensors(), "outputs": [{"name": "transform"}]},
            {"inputs": tensors(), "outputs": [5]},
            {"inputs": [*tensors(), tensors()[0] | {"name": "other"}]},
        ],
    )  # fmt: skip
    def test_an_invalid_request_is_400_with_one_sentence(self, send, body):
        response = send(f"{MODEL}/infer", body)
        assert response.status_code == 400
        assert isinstance(response.json()["error"], str)

    def test_models_require_a_token_and_health_checks_do_not(self, send, client):
        assert client.get(MODEL).json() == {"error": NOT_AUTHENTICATED}
        assert client.get(MODEL).status_code == 401
        assert client.get("/v2").status_code == 401
        assert client.get("/v2/health/live", headers={"Host": "10.1.2.3"}).json() == {"live": True}
        assert client.get("/v2/health/ready").json()["ready"] is True
