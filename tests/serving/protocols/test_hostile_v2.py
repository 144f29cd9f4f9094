"""Sloppy and hostile callers of the Open Inference Protocol: its own body and status, and no data back."""

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
    labels,
    send,
    told_mlflow,
    told_v2,
    version,
    wanted,
)

__all__ = ["send", "version", "wanted"]


SHAPES = [
    [3], [-4], [4.0], ["4"], [True, 4], [2, 2], [1, 4], [4, 0], [4] * 9, [2**62] * 8, [2**64], [[4]], {}, None, 4,
    [0], [10**30, 0], [2**63 - 1] * 400_000,
]  # fmt: skip


def test_a_shape_that_is_not_the_datas_is_400(send, subtests):
    for shape in SHAPES:
        with subtests.test(shape=str(shape)[:60]):
            told_v2(send(V2, {"inputs": columns(length={"shape": shape})}))


def test_a_column_may_be_a_table_of_one(send, wanted, subtests):
    for shape in [[4, 1], [4], [4, 1, 1]]:
        with subtests.test(shape=str(shape)[:60]):
            assert labels(send(V2, {"inputs": columns(length={"shape": shape})})) == wanted


NO_WHOLE_NUMBERS = [
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


def test_data_that_is_no_column_of_whole_numbers_is_400(send, subtests):
    for data in NO_WHOLE_NUMBERS:
        with subtests.test(data=str(data)[:60]):
            told_v2(send(V2, {"inputs": columns(length={"data": data})}))


def test_nesting_is_flat_row_by_row(send, wanted):
    nested = [[row[0]] for row in ROWS]
    assert labels(send(V2, {"inputs": columns(length={"data": nested, "shape": [4, 1]})})) == wanted


def test_other_number_types_are_as_good(send, wanted):
    floats = [float(row[0]) for row in ROWS]
    assert labels(send(V2, {"inputs": columns(length={"datatype": "FP32", "data": floats})})) == wanted
    bits = [int(row[3]) for row in ROWS]
    assert labels(send(V2, {"inputs": columns(fresh={"data": bits})})) == wanted
    told_v2(send(V2, {"inputs": columns(fresh={"data": [2, 0, 1, 1]})}))


def test_wrapped_texts_are_unwrapped(send, wanted):
    boxed = [base64.b64encode(row[2].encode()).decode() for row in ROWS]
    as_base64 = {"data": boxed, "parameters": {"content_type": "base64"}}
    assert labels(send(V2, {"inputs": columns(colour=as_base64)})) == wanted
    as_json = {"data": [json.dumps(row[2]) for row in ROWS], "parameters": {"content_type": "pd_json"}}
    assert labels(send(V2, {"inputs": columns(colour=as_json)})) == wanted
    for wrong in ("base64", "pd_json"):
        broken = {"data": [SECRET] * 4, "parameters": {"content_type": wrong}}
        told_v2(send(V2, {"inputs": columns(colour=broken)}))
        told_v2(send(V2, {"inputs": columns(colour=broken | {"data": [1, 2, 3, 4]})}))
    binary = {"data": [base64.b64encode(b"\xff\xfe").decode()] * 4}
    told_v2(send(V2, {"inputs": columns(colour=as_base64 | binary)}))


def test_dates_are_iso_and_nothing_else(send, wanted):
    moments = [f"{row[4]}T00:00:00Z" for row in ROWS]
    assert labels(send(V2, {"inputs": columns(picked={"data": moments})})) == wanted
    for wrong in ("31.12.2026", "2026-02-30", SECRET, "", 20260101, "9999-12-31T23:59:59-23:59"):
        told_v2(send(V2, {"inputs": columns(picked={"data": [wrong] * 4})}))


NO_INPUTS = [
    {"datatype": []}, {"datatype": {}}, {"datatype": "fp64"}, {"datatype": "BF16"}, {"datatype": None}, {"name": 5},
    {"name": "width"}, {"name": "x" * 10_000}, {"name": "\x00"}, {"parameters": [1]}, {"parameters": "x"},
    {"data": None}, {"parameters": {"binary_data_size": "8"}}, {"parameters": {"binary_data_size": 10**18}},
    {"parameters": {"binary_data_size": 1.0}},
]  # fmt: skip


def test_an_input_that_is_none_is_400(send, subtests):
    for change in NO_INPUTS:
        with subtests.test(change=str(change)[:60]):
            told_v2(send(V2, {"inputs": columns(length=change)}))


NO_REQUESTS = [
    {"id": 5}, {"id": ["x"]}, {"parameters": [1]}, {"parameters": "pd"}, {"outputs": {"name": "predict"}},
    {"outputs": "predict"}, {"outputs": [{"name": ["predict"]}]}, {"outputs": [{"name": {}}]}, {"outputs": [{}]},
    {"outputs": [{"name": "predict"}] * 2}, {"outputs": [{"name": "predict", "parameters": 1}]},
    {"inputs": {}}, {"inputs": [[]]}, {"inputs": [None]}, {"inputs": columns()[:4]}, {"inputs": columns() * 2},
    {"inputs": columns([])}, {"inputs": [*columns(), columns()[0] | {"name": SECRET[:3]}]},
]  # fmt: skip


def test_a_request_that_is_none_is_400(send, subtests):
    for change in NO_REQUESTS:
        with subtests.test(change=str(change)[:60]):
            told_v2(send(V2, {"inputs": columns()} | change))


def test_null_and_empty_lists_are_as_if_left_out(send, wanted):
    body = {"id": None, "parameters": None, "outputs": [], "inputs": columns(length={"parameters": None})}
    assert labels(send(V2, body)) == wanted


def test_a_table_that_says_it_is_columns_is_not_read_as_one(send):
    rows = {"name": "rows", "shape": [4, 5], "datatype": "BYTES", "data": ROWS}
    assert labels(send(V2, {"inputs": [rows]}))
    assert "no column" in told_v2(send(V2, {"inputs": [rows], "parameters": {"content_type": "pd"}}))
    wide = rows | {"shape": [5, 4]}
    assert "4 values; the model has 5" in told_v2(send(V2, {"inputs": [wide]}))


NOT_JSON = [
    b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"inputs": NaN}',
    b'{"inputs": [NaN, "\\ud800"]}', b'{"inputs": [NaN, -Infinity]}', b'{"inputs": [NaN, ' + b"[" * 100_000,
    b'{"inputs": [NaN, ' + b"9" * 5000 + b"]}", b"NaN", b"inputs=1&x=2", b"\x00" * 20, SECRET.encode(),
]  # fmt: skip


def test_what_is_not_json_is_400(send, subtests):
    for body in NOT_JSON:
        for kind in ("application/json", "application/octet-stream", "text/plain"):
            with subtests.test(body=body[:20], kind=kind):
                told_v2(send(V2, body, kind=kind))
                if kind == "application/json":
                    told_mlflow(send(INVOCATIONS, body))


def test_nan_is_a_gap_as_stock_clients_write_it(send, admin):
    body = json.dumps({"inputs": columns(width={"data": [float("nan"), 1.5, 1.5, float("nan")]})})
    rows = [[*row[:1], width, *row[2:]] for row, width in zip(ROWS, [None, 1.5, 1.5, None], strict=True)]
    made = predict("flowers", stage="production", rows=rows, by=admin).predictions
    assert labels(send(V2, body.encode())) == made
    infinite = json.dumps({"inputs": columns(width={"data": [float("inf")] * 4})})
    told_v2(send(V2, infinite.encode()))
    told_v2(send(V2, infinite.replace("Infinity", "1e999").encode()))


def test_infinity_in_binary_is_400(send, subtests):
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
            told_v2(send(V2, head + struct.pack("<4d", raw, 1, 2, 3), **sized))
            assert labels(send(V2, head + struct.pack("<4d", float("nan"), 1, 2, 3), **sized))


COMPRESSED = [
    ("gzip", gzip.compress(b"{}")[:-3], 400), ("gzip", b"no", 400), ("gzip", gzip.compress(b"{}") + b"x", 400),
    ("deflate", b"no", 400), ("br", b"no", 415), ("gzip, gzip", b"no", 415),
    ("gzip", gzip.compress(b" " * (5 * 1024**2)), 413),
    ("gzip", gzip.compress(b" " * (65 * 1024**2)), 413), ("deflate", zlib.compress(b" " * (65 * 1024**2)), 413),
]  # fmt: skip


def test_a_broken_or_exploding_compression_is_refused(send, subtests):
    for encoding, content, status in COMPRESSED:
        with subtests.test(encoding=encoding, content=content[:20]):
            told_v2(send(V2, content, **{"Content-Encoding": encoding}), status)
            answer = send(INVOCATIONS, content, **{"Content-Encoding": encoding})
            assert answer.status_code == status
            if status != 415:
                told_mlflow(answer, status)
            assert send("/predict", content, **{"Content-Encoding": encoding}).status_code == status


def test_a_compressed_body_is_read(send, wanted):
    body = gzip.compress(json.dumps({"inputs": columns()}).encode())
    assert labels(send(V2, body, **{"Content-Encoding": "gzip"})) == wanted
    body = zlib.compress(json.dumps({"instances": ROWS}).encode())
    assert send(INVOCATIONS, body, **{"Content-Encoding": "Deflate"}).json()["predictions"] == wanted


NO_ADDRESSES = [
    ("GET", V2, 405), ("PUT", V2, 405), ("DELETE", "/v2/models/flowers", 405), ("POST", "/v2/models/flowers", 405),
    ("POST", "/v2", 405), ("GET", V2 + "/", 404), ("GET", "/v2/models/flowers/stats", 404), ("GET", "/v2/x", 404),
    ("POST", "/v2/models//infer", 404), ("POST", "/v2/models/a%2Fb/infer", 404),
    ("POST", "/v2/models/flowers/versions/-1/infer", 404), ("POST", "/v2/models/flowers/versions//infer", 404),
    ("GET", "/v2/models/flowers/versions/99999999999999999999", 404), ("GET", "/v2/models/%00", 404),
    ("GET", "/v2/models/" + "x" * 3000, 404), ("GET", "/v2/models/flowers@@dev", 404),
    ("GET", "/v2/models/@", 404), ("GET", "/v2/models/%F0%9F%8C%B7", 404), ("GET", "/v2/models/%FF", 404),
]  # fmt: skip


def test_an_address_or_method_that_is_none_has_the_protocols_body(send, subtests):
    for method, path, status in NO_ADDRESSES:
        with subtests.test(method=method, path=path[:60]):
            body = {"inputs": columns()} if method == "POST" else b""
            answer = send(path, body, method=method)
            told_v2(answer, status)
            assert bool(answer.get("Allow")) is (status == 405)


def test_a_refusal_before_the_view_has_the_protocols_body(send):
    chunked = {"Transfer-Encoding": "chunked"}
    told_v2(send(V2, b"{}", **chunked), 411)
    told_mlflow(send(INVOCATIONS, b"{}", **chunked), 411)
    told_mlflow(send(INVOCATIONS, b"{}", method="GET"), 405)
    assert send(V2, b"{}", Accept="text/html", **chunked).status_code == 411


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_that_is_a_little_too_large_is_413(send, settings, kind):
    settings.MAX_REQUEST_MB, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1, 1024**2
    body = b" " * (1024**2 + 1)
    assert "1 MB at most" in told_v2(send(V2, body, kind=kind), 413)
    assert "1 MB at most" in told_mlflow(send(INVOCATIONS, body, kind=kind), 413)


@pytest.mark.parametrize("kind", [["pd"], {"a": 1}, 7, True])
def test_a_content_type_that_is_no_text_is_none(send, wanted, kind):
    inputs = columns(length={"parameters": {"content_type": kind}})
    assert labels(send(V2, {"inputs": inputs})) == wanted


def test_shared_memory_is_not_offered(send):
    inputs = columns(length={"parameters": {"shared_memory_region": "here"}})
    told_v2(send(V2, {"inputs": inputs}), 501)


@pytest.mark.parametrize(
    "path", ["/v2", "/v2/models", "/v2/models/flowers", "/v1/models", "/version", "/metrics"]
)
def test_programs_are_answered_by_whatever_name_they_reach_the_server(send, path):
    assert send(path, method="GET", Host="flowers.models.svc").status_code == 200


def test_a_question_for_the_head_only_has_no_body(send):
    answer = send("/v2/models/flowers", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer["Content-Length"]) > 0


def test_a_program_that_would_take_a_page_gets_its_protocols_body(send):
    told_v2(send("/v2/models/flowers/nothing", method="GET", Accept="text/html"), 404)
