"""Invalid and hostile requests of the Open Inference Protocol get its error body and never the caller's data."""

import base64
import gzip
import json
import struct
import zlib

import pytest

from serving.prediction import predict
from tests.serving.callers import (
    INVOCATIONS,
    ROWS,
    SECRET,
    V2,
    columns,
    expected,
    labels,
    mlflow_error,
    send,
    v2_error,
    version,
)

__all__ = ["expected", "send", "version"]


INVALID_SHAPES = [
    [3], [-4], [4.0], ["4"], [True, 4], [2, 2], [1, 4], [4, 0], [4] * 9, [2**62] * 8, [2**64], [[4]], {}, None, 4,
    [0], [10**30, 0], [2**63 - 1] * 400_000,
]  # fmt: skip


def test_a_shape_that_does_not_match_the_data_is_400(send, subtests):
    for shape in INVALID_SHAPES:
        with subtests.test(shape=str(shape)[:60]):
            v2_error(send(V2, {"inputs": columns(length={"shape": shape})}))


def test_a_column_can_have_more_dimensions_of_size_one(send, expected, subtests):
    for shape in [[4, 1], [4], [4, 1, 1]]:
        with subtests.test(shape=str(shape)[:60]):
            assert labels(send(V2, {"inputs": columns(length={"shape": shape})})) == expected


INVALID_INTEGERS = [
    [[1], 2, [3], [4]],
    [[1, 2], [3], [4]],
    [1, [2], 3, 4],
    [[[[[[1], [2], [3], [4]]]]], 5],
    {"a": 1},
    "abcd",
    [{"a": 1}] * 4,
    [SECRET] * 4,
    [True] * 4,
    [1.5] * 4,
]


def test_data_that_is_not_a_column_of_integers_is_400(send, subtests):
    for data in INVALID_INTEGERS:
        with subtests.test(data=str(data)[:60]):
            v2_error(send(V2, {"inputs": columns(length={"data": data})}))


def test_nested_data_is_read_row_by_row(send, expected):
    nested = [[row[0]] for row in ROWS]
    assert labels(send(V2, {"inputs": columns(length={"data": nested, "shape": [4, 1]})})) == expected


def test_any_numeric_datatype_is_accepted(send, expected):
    floats = [float(row[0]) for row in ROWS]
    assert labels(send(V2, {"inputs": columns(length={"datatype": "FP32", "data": floats})})) == expected
    bits = [int(row[3]) for row in ROWS]
    assert labels(send(V2, {"inputs": columns(fresh={"data": bits})})) == expected
    v2_error(send(V2, {"inputs": columns(fresh={"data": [2, 0, 1, 1]})}))


def test_base64_and_json_encoded_texts_are_decoded(send, expected):
    encoded = [base64.b64encode(row[2].encode()).decode() for row in ROWS]
    as_base64 = {"data": encoded, "parameters": {"content_type": "base64"}}
    assert labels(send(V2, {"inputs": columns(colour=as_base64)})) == expected
    as_json = {"data": [json.dumps(row[2]) for row in ROWS], "parameters": {"content_type": "pd_json"}}
    assert labels(send(V2, {"inputs": columns(colour=as_json)})) == expected
    for wrong in ("base64", "pd_json"):
        broken = {"data": [SECRET] * 4, "parameters": {"content_type": wrong}}
        v2_error(send(V2, {"inputs": columns(colour=broken)}))
        v2_error(send(V2, {"inputs": columns(colour=broken | {"data": [1, 2, 3, 4]})}))
        v2_error(send(V2, {"inputs": columns(colour=broken | {"data": [' [["a"]]', "{}", "[]", "1"]})}))
    binary = {"data": [base64.b64encode(b"\xff\xfe").decode()] * 4}
    v2_error(send(V2, {"inputs": columns(colour=as_base64 | binary)}))


def test_dates_must_be_iso_8601(send, expected):
    dates = [f"{row[4]}T00:00:00Z" for row in ROWS]
    assert labels(send(V2, {"inputs": columns(picked={"data": dates})})) == expected
    for wrong in ("31.12.2026", "2026-02-30", SECRET, "", 20260101, "9999-12-31T23:59:59-23:59"):
        v2_error(send(V2, {"inputs": columns(picked={"data": [wrong] * 4})}))


INVALID_INPUTS = [
    {"datatype": []}, {"datatype": {}}, {"datatype": "fp64"}, {"datatype": "BF16"}, {"datatype": None}, {"name": 5},
    {"name": "width"}, {"name": "x" * 10_000}, {"name": "\x00"}, {"parameters": [1]}, {"parameters": "x"},
    {"data": None}, {"parameters": {"binary_data_size": "8"}}, {"parameters": {"binary_data_size": 10**18}},
    {"parameters": {"binary_data_size": 1.0}},
]  # fmt: skip


def test_an_invalid_input_is_400(send, subtests):
    for change in INVALID_INPUTS:
        with subtests.test(change=str(change)[:60]):
            v2_error(send(V2, {"inputs": columns(length=change)}))


EMPTY = {"name": "rows", "shape": [0], "datatype": "FP64", "data": []}
INVALID_REQUESTS = [
    {"id": 5}, {"id": ["x"]}, {"parameters": [1]}, {"parameters": "pd"}, {"outputs": {"name": "predict"}},
    {"outputs": "predict"}, {"outputs": [{"name": ["predict"]}]}, {"outputs": [{"name": {}}]}, {"outputs": [{}]},
    {"outputs": [{"name": "predict"}] * 2}, {"outputs": [{"name": "predict", "parameters": 1}]},
    {"inputs": {}}, {"inputs": [[]]}, {"inputs": [None]}, {"inputs": columns()[:4]}, {"inputs": columns() * 2},
    {"inputs": columns([])[:4]}, {"inputs": [EMPTY | {"shape": [0, 4]}]}, {"inputs": [EMPTY | {"shape": [4, 0]}]},
    {"inputs": [EMPTY]}, {"inputs": [*columns(), columns()[0] | {"name": SECRET[:3]}]},
]  # fmt: skip


def test_an_invalid_request_is_400(send, subtests):
    for change in INVALID_REQUESTS:
        with subtests.test(change=str(change)[:60]):
            v2_error(send(V2, {"inputs": columns()} | change))


@pytest.mark.parametrize("inputs", [[], {}, 5])
def test_inputs_must_be_a_non_empty_list(send, inputs):
    assert "a non-empty list of `inputs`" in v2_error(send(V2, {"inputs": inputs}))


def test_null_and_empty_lists_mean_the_default(send, expected):
    body = {"id": None, "parameters": None, "outputs": [], "inputs": columns(length={"parameters": None})}
    assert labels(send(V2, body)) == expected


def test_a_table_with_content_type_pd_is_read_as_columns(send):
    rows = {"name": "rows", "shape": [4, 5], "datatype": "BYTES", "data": ROWS}
    assert labels(send(V2, {"inputs": [rows]}))
    assert "no column" in v2_error(send(V2, {"inputs": [rows], "parameters": {"content_type": "pd"}}))
    wide = rows | {"shape": [5, 4]}
    assert "4 values; the model has 5" in v2_error(send(V2, {"inputs": [wide]}))


INVALID_JSON = [
    b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"inputs": NaN}',
    b'{"inputs": [NaN, "\\ud800"]}', b'{"inputs": [NaN, -Infinity]}', b'{"inputs": [NaN, ' + b"[" * 100_000,
    b'{"inputs": [NaN, ' + b"9" * 5000 + b"]}", b"NaN", b"inputs=1&x=2", b"\x00" * 20, SECRET.encode(),
]  # fmt: skip


def test_invalid_json_is_400(send, subtests):
    for body in INVALID_JSON:
        for kind in ("application/json", "application/octet-stream", "text/plain"):
            with subtests.test(body=body[:20], kind=kind):
                v2_error(send(V2, body, kind=kind))
                if kind == "application/json":
                    mlflow_error(send(INVOCATIONS, body))


def test_nan_in_json_is_a_missing_value(send, admin):
    body = json.dumps({"inputs": columns(width={"data": [float("nan"), 1.5, 1.5, float("nan")]})})
    rows = [[*row[:1], width, *row[2:]] for row, width in zip(ROWS, [None, 1.5, 1.5, None], strict=True)]
    result = predict("flowers", stage="production", rows=rows, by=admin)
    assert labels(send(V2, body.encode())) == result.predictions
    infinite = json.dumps({"inputs": columns(width={"data": [float("inf")] * 4})})
    v2_error(send(V2, infinite.encode()))
    v2_error(send(V2, infinite.replace("Infinity", "1e999").encode()))


def test_infinity_in_binary_data_is_400(send, subtests):
    for raw in [float("inf"), -float("inf")]:
        with subtests.test(raw=str(raw)[:60]):
            width = {
                "name": "width",
                "shape": [4],
                "datatype": "FP64",
                "parameters": {"binary_data_size": 32},
            }
            others = [column for column in columns() if column["name"] != "width"]
            head = json.dumps({"inputs": [width, *others]}).encode()
            sized = {"Inference-Header-Content-Length": str(len(head))}
            v2_error(send(V2, head + struct.pack("<4d", raw, 1, 2, 3), **sized))
            assert labels(send(V2, head + struct.pack("<4d", float("nan"), 1, 2, 3), **sized))


def test_a_corrupt_or_exploding_compressed_body_is_rejected(send, subtests):
    large = b" " * (65 * 1024**2)
    bodies = [
        ("gzip", gzip.compress(b"{}")[:-3], 400), ("gzip", b"no", 400), ("gzip", gzip.compress(b"{}") + b"x", 400),
        ("deflate", b"no", 400), ("br", b"no", 415), ("gzip, gzip", b"no", 415),
        ("gzip", gzip.compress(b" " * (5 * 1024**2)), 413),
        ("gzip", gzip.compress(large), 413), ("deflate", zlib.compress(large), 413),
    ]  # fmt: skip
    for encoding, content, status in bodies:
        with subtests.test(encoding=encoding, content=content[:20]):
            v2_error(send(V2, content, **{"Content-Encoding": encoding}), status)
            response = send(INVOCATIONS, content, **{"Content-Encoding": encoding})
            assert response.status_code == status
            if status != 415:
                mlflow_error(response, status)
            assert send("/predict", content, **{"Content-Encoding": encoding}).status_code == status


def test_a_compressed_body_is_read(send, expected):
    body = gzip.compress(json.dumps({"inputs": columns()}).encode())
    assert labels(send(V2, body, **{"Content-Encoding": "gzip"})) == expected
    body = zlib.compress(json.dumps({"instances": ROWS}).encode())
    assert send(INVOCATIONS, body, **{"Content-Encoding": "Deflate"}).json()["predictions"] == expected


INVALID_PATHS = [
    ("GET", V2, 405), ("PUT", V2, 405), ("DELETE", "/v2/models/flowers", 405), ("POST", "/v2/models/flowers", 405),
    ("POST", "/v2", 405), ("GET", "/v2/models/flowers/stats", 404), ("GET", "/v2/x", 404),
    ("POST", "/v2/models//infer", 404), ("POST", "/v2/models/a%2Fb/infer", 404),
    ("POST", "/v2/models/flowers/versions/-1/infer", 404), ("POST", "/v2/models/flowers/versions//infer", 404),
    ("GET", "/v2/models/flowers/versions/99999999999999999999", 404), ("GET", "/v2/models/%00", 404),
    ("GET", "/v2/models/" + "x" * 3000, 404), ("GET", "/v2/models/flowers@@dev", 404),
    ("GET", "/v2/models/@", 404), ("GET", "/v2/models/%F0%9F%8C%B7", 404), ("GET", "/v2/models/%FF", 404),
]  # fmt: skip


def test_an_unknown_path_or_method_has_the_protocols_error_body(send, subtests):
    for method, path, status in INVALID_PATHS:
        with subtests.test(method=method, path=path[:60]):
            body = {"inputs": columns()} if method == "POST" else b""
            response = send(path, body, method=method)
            v2_error(response, status)
            assert bool(response.get("Allow")) is (status == 405)


def test_an_error_before_the_view_has_the_protocols_error_body(send):
    large = {"Content-Length": str(10**9)}
    v2_error(send(V2, b"{}", **large), 413)
    mlflow_error(send(INVOCATIONS, b"{}", **large), 413)
    mlflow_error(send(INVOCATIONS, b"{}", method="GET"), 405)
    assert send(V2, b"{}", Accept="text/html", **large).status_code == 413


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_over_the_limit_is_413(send, settings, kind):
    settings.MAX_REQUEST_MB, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1, 1024**2
    body = b" " * (1024**2 + 1)
    assert "1 MB" in v2_error(send(V2, body, kind=kind), 413)
    assert "1 MB" in mlflow_error(send(INVOCATIONS, body, kind=kind), 413)


@pytest.mark.parametrize("kind", [["pd"], {"a": 1}, 7, True])
def test_a_content_type_that_is_not_a_string_is_ignored(send, expected, kind):
    inputs = columns(length={"parameters": {"content_type": kind}})
    assert labels(send(V2, {"inputs": inputs})) == expected


def test_shared_memory_is_501(send):
    inputs = columns(length={"parameters": {"shared_memory_region": "here"}})
    v2_error(send(V2, {"inputs": inputs}), 501)


@pytest.mark.parametrize("path", ["/v2", "/v2/models", "/v2/models/flowers", "/v1/models", "/metrics"])
def test_programs_can_use_any_host_name(send, path):
    assert send(path, method="GET", Host="flowers.models.svc").status_code == 200


def test_a_head_request_has_no_body(send):
    response = send("/v2/models/flowers", method="HEAD")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response["Content-Length"]) > 0


def test_an_error_has_the_protocols_body_even_if_html_is_accepted(send):
    v2_error(send("/v2/models/flowers/nothing", method="GET", Accept="text/html"), 404)
