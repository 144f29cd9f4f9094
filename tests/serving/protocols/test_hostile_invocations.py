"""Invalid and hostile requests to /invocations get MLflow's error body and status, and never the caller's data."""

import gzip
import io
import json
import struct
import tracemalloc

import numpy as np
import pandas

from serving.prediction import predict
from tests.conformance import table
from tests.serving.callers import (
    INVOCATIONS,
    ROWS,
    SECRET,
    V2,
    columns,
    expected,
    mlflow_error,
    send,
    v2_error,
    version,
)

__all__ = ["expected", "send", "version"]


def csv_of(rows=ROWS, *, header: bool = True, end: str = "\n") -> str:
    lines = [table.NAMES] if header else []
    lines += [[json.dumps(value) if isinstance(value, bool) else str(value) for value in row] for row in rows]
    return "".join(",".join(line) + end for line in lines)


CSV = [
    csv_of(), csv_of(header=False), csv_of(end="\r\n"), csv_of(end="\r"), "\ufeff" + csv_of(), csv_of().rstrip(),
    csv_of().replace("\n", "\n\n"), csv_of().replace("red", '"red"'), csv_of().replace("length", '"length"'),
    csv_of().replace("True", "TRUE"),
]  # fmt: skip


def test_csv_of_any_dialect_is_read(send, expected, subtests):
    for text in CSV:
        with subtests.test(text=str(text)[:60]):
            assert send(INVOCATIONS, text.encode(), kind="text/csv").json() == {"predictions": expected}


def test_quoted_csv_cells_can_contain_commas_quotes_and_line_ends(send, admin):
    rows = [[*ROWS[0][:2], colour, *ROWS[0][3:]] for colour in ("a,b", 'a"b', "a\nb", "a\r\nb", " red ")]
    cells = ['"' + row[2].replace('"', '""') + '"' for row in rows]
    line = csv_of(ROWS[:1], header=False).replace("red", "{}").strip()
    text = csv_of([]) + "".join(line.format(cell) + "\n" for cell in cells)
    result = predict("flowers", stage="production", rows=rows, by=admin)
    assert send(INVOCATIONS, text.encode(), kind="text/csv").json() == {"predictions": result.predictions}


INVALID_CSV = [
    b"", b"\n\n", b"length,colour\n", b"\xff\xfe", csv_of().encode("utf-16"),
    csv_of().replace("red", '"red').encode(),
    b'"' + b"x" * 200_000 + b'"', b"\x00", csv_of().replace(",", ";").encode(),
    csv_of().replace("5", SECRET).encode(),
    (csv_of() + "1,2\n").encode(), (csv_of(header=False) + "1,2\n").encode(),
    csv_of().replace("length", "len").encode(),
    csv_of().replace("width", "length").encode(), b"1,2,3,4,5,6\n",
    "".join(f"1,{line}\n" for line in csv_of().splitlines()).replace("1,length", "length,length").encode(),
]  # fmt: skip


def test_invalid_csv_is_400(send, subtests):
    for content in INVALID_CSV:
        with subtests.test(content=str(content)[:60]):
            mlflow_error(send(INVOCATIONS, content, kind="text/csv"))


PARQUET = table.parquet()


INVALID_PARQUET = [
    b"", b"PAR1", b"PAR1PAR1", PARQUET[:-4], PARQUET[: len(PARQUET) // 2],
    PARQUET[:200] + b"x" * 50 + PARQUET[250:],
    csv_of().encode(), b"PAR1" + struct.pack("<I", 2**31) + b"PAR1", gzip.compress(PARQUET),
]  # fmt: skip


def test_a_broken_parquet_file_is_400(send, subtests):
    for content in INVALID_PARQUET:
        with subtests.test(content=str(content)[:60]):
            mlflow_error(send(INVOCATIONS, content, kind="application/vnd.apache.parquet"))


def test_a_parquet_file_without_the_models_columns_names_the_missing_ones(send):
    buffer = io.BytesIO()
    pandas.DataFrame({"other": [1, 2]}).to_parquet(buffer)
    error = mlflow_error(send(INVOCATIONS, buffer.getvalue(), kind="application/vnd.apache.parquet"))
    assert "Column `length` is missing." in error


INVALID_TABLES = [
    {"dataframe_split": []}, {"dataframe_split": {"data": 5}}, {"dataframe_split": {"data": [5]}},
    {"dataframe_split": {"columns": ["length"], "data": []}}, {"dataframe_split": {"columns": 5, "data": ROWS}},
    {"dataframe_split": {"columns": ["length"] * 5, "data": ROWS}},
    {"dataframe_split": {"columns": ["length", *table.NAMES], "data": [[1, *row] for row in ROWS]}},
    {"dataframe_split": {"columns": [[1], {}, None, 4, 5], "data": ROWS}},
    {"dataframe_split": {"columns": table.NAMES, "data": [ROWS[0], ROWS[1][:2]]}},
    {"dataframe_records": [[]]}, {"dataframe_records": [{}]},
    {"dataframe_records": None},
    {"instances": None}, {"instances": {}}, {"instances": 5}, {"instances": [[[1]]]},
    {"instances": [ROWS[0], {"length": 1}]}, {"instances": [{name: [1] for name in table.NAMES}]},
    {"inputs": {}}, {"inputs": {"length": 5}}, {"inputs": {"length": []}}, {"inputs": SECRET},
    {"inputs": {name: [[1, 2]] for name in table.NAMES}}, {"inputs": dict.fromkeys(table.NAMES, SECRET)},
    {"inputs": ROWS, "params": [1]}, {"inputs": ROWS, "more": 1}, {"messages": []},
    {"instances": [[SECRET, *ROWS[0][1:]]]}, {"dataframe_records": [{SECRET: 1}]},
]  # fmt: skip


def test_an_invalid_json_table_is_400(send, subtests):
    for body in INVALID_TABLES:
        with subtests.test(body=str(body)[:60]):
            mlflow_error(send(INVOCATIONS, body))


UNSUPPORTED_TYPES = [
    "",
    "text/html",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/json; charset=latin-1",
    "text/csv; charset=utf-16",
    "application/json; charset=nonsense",
    "application/xml",
    ";;;",
    "text",
    "application/jsonl",
]


def test_an_unsupported_content_type_is_415_in_plain_text(send, subtests):
    for kind in UNSUPPORTED_TYPES:
        with subtests.test(kind=str(kind)[:60]):
            response = send(INVOCATIONS, {"instances": ROWS}, kind=kind)
            assert (response.status_code, response["Content-Type"]) == (415, "text/plain")


UNKNOWN_MODELS = ["", " ", "none", "flowers@", "@", "flowers@x", "\x7f", "x" * 5000, "a b"]


def test_an_unknown_model_is_404(send, subtests):
    for model in UNKNOWN_MODELS:
        with subtests.test(model=str(model)[:60]):
            response = send(INVOCATIONS, {"instances": ROWS}, **{"X-Model": model})
            if not model.strip():
                assert response.status_code in {200, 404}
            else:
                mlflow_error(response, 404)


def test_of_a_hundred_errors_twenty_are_listed(send):
    rows = [[SECRET, *ROWS[0][1:]]] * 100
    error = mlflow_error(send(INVOCATIONS, {"instances": rows}))
    assert error.count("must be a number") == 20
    assert error.endswith("and 80 more.")
    assert v2_error(send(V2, {"inputs": columns(rows)})) == error


INVALID_TOKENS = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer a b",
    "Basic eDp5",
    "Bearer \xff",
    "Bearer " + "x" * 4000,
]


def test_an_invalid_token_is_401(send, subtests):
    for token in INVALID_TOKENS:
        with subtests.test(token=str(token)[:60]):
            v2_error(send(V2, {"inputs": columns()}, Authorization=token), 401)
            mlflow_error(send(INVOCATIONS, {"instances": ROWS}, Authorization=token), 401)


def test_records_with_different_keys_need_memory_for_their_keys_only(send):
    records = [{f"k{number}": 1} for number in range(20_000)]
    tracemalloc.start()
    try:
        mlflow_error(send(INVOCATIONS, {"dataframe_records": records}))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * 1024**2  # a table of all keys would have 400 million cells


def test_a_parquet_body_of_millions_of_rows_is_413(send):
    buffer = io.BytesIO()
    frame = pandas.DataFrame({"other": np.zeros(600_000)})
    frame.to_parquet(buffer)
    assert "500,000 rows" in mlflow_error(
        send(INVOCATIONS, buffer.getvalue(), kind="application/vnd.apache.parquet"), 413
    )
