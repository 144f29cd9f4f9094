"""Sloppy and hostile callers of /invocations: MLflow's own body and status, and no data back."""

import gzip
import io
import json
import struct
import time

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
    send,
    told_mlflow,
    told_v2,
    version,
    wanted,
)

__all__ = ["send", "version", "wanted"]


def csv_of(rows=ROWS, *, header: bool = True, end: str = "\n") -> str:
    lines = [table.NAMES] if header else []
    lines += [[json.dumps(value) if isinstance(value, bool) else str(value) for value in row] for row in rows]
    return "".join(",".join(line) + end for line in lines)


CSV = [
    csv_of(), csv_of(header=False), csv_of(end="\r\n"), csv_of(end="\r"), "\ufeff" + csv_of(), csv_of().rstrip(),
    csv_of().replace("\n", "\n\n"), csv_of().replace("red", '"red"'), csv_of().replace("length", '"length"'),
    csv_of().replace("True", "TRUE"),
]  # fmt: skip


def test_csv_is_read_however_it_was_written(send, wanted, subtests):
    for text in CSV:
        with subtests.test(text=str(text)[:60]):
            assert send(INVOCATIONS, text.encode(), kind="text/csv").json() == {"predictions": wanted}


def test_quoted_cells_may_hold_commas_quotes_and_line_ends(send, admin):
    odd = [[*ROWS[0][:2], colour, *ROWS[0][3:]] for colour in ("a,b", 'a"b', "a\nb", "a\r\nb", " red ")]
    cells = ['"' + row[2].replace('"', '""') + '"' for row in odd]
    line = csv_of(ROWS[:1], header=False).replace("red", "{}").strip()
    text = csv_of([]) + "".join(line.format(cell) + "\n" for cell in cells)
    made = predict("flowers", stage="production", rows=odd, by=admin).predictions
    assert send(INVOCATIONS, text.encode(), kind="text/csv").json() == {"predictions": made}


NO_CSV = [
    b"", b"\n\n", csv_of([]).encode(), b"\xff\xfe", csv_of().encode("utf-16"),
    csv_of().replace("red", '"red').encode(),
    b'"' + b"x" * 200_000 + b'"', b"\x00", csv_of().replace(",", ";").encode(),
    csv_of().replace("5", SECRET).encode(),
    (csv_of() + "1,2\n").encode(), (csv_of(header=False) + "1,2\n").encode(),
    csv_of().replace("length", "len").encode(),
    csv_of().replace("width", "length").encode(), b"1,2,3,4,5,6\n",
    "".join(f"1,{line}\n" for line in csv_of().splitlines()).replace("1,length", "length,length").encode(),
]  # fmt: skip


def test_csv_that_is_none_is_400(send, subtests):
    for content in NO_CSV:
        with subtests.test(content=str(content)[:60]):
            told_mlflow(send(INVOCATIONS, content, kind="text/csv"))


PARQUET = table.parquet()


NO_PARQUET = [
    b"", b"PAR1", b"PAR1PAR1", PARQUET[:-4], PARQUET[: len(PARQUET) // 2],
    PARQUET[:200] + b"x" * 50 + PARQUET[250:],
    csv_of().encode(), b"PAR1" + struct.pack("<I", 2**31) + b"PAR1", gzip.compress(PARQUET),
]  # fmt: skip


def test_a_broken_parquet_file_is_400(send, subtests):
    for content in NO_PARQUET:
        with subtests.test(content=str(content)[:60]):
            told_mlflow(send(INVOCATIONS, content, kind="application/vnd.apache.parquet"))


def test_a_parquet_file_without_any_column_of_the_model_is_told(send):
    buffer = io.BytesIO()
    pandas.DataFrame({"other": [1, 2]}).to_parquet(buffer)
    told = told_mlflow(send(INVOCATIONS, buffer.getvalue(), kind="application/vnd.apache.parquet"))
    assert "Column `length` is missing." in told


NO_TABLES = [
    {"dataframe_split": []}, {"dataframe_split": {"data": 5}}, {"dataframe_split": {"data": [5]}},
    {"dataframe_split": {"data": []}}, {"dataframe_split": {"columns": 5, "data": ROWS}},
    {"dataframe_split": {"columns": ["length"] * 5, "data": ROWS}},
    {"dataframe_split": {"columns": ["length", *table.NAMES], "data": [[1, *row] for row in ROWS]}},
    {"dataframe_split": {"columns": [[1], {}, None, 4, 5], "data": ROWS}},
    {"dataframe_split": {"columns": table.NAMES, "data": [ROWS[0], ROWS[1][:2]]}},
    {"dataframe_records": []}, {"dataframe_records": [[]]}, {"dataframe_records": [{}]},
    {"dataframe_records": None},
    {"instances": []}, {"instances": None}, {"instances": {}}, {"instances": 5}, {"instances": [[[1]]]},
    {"instances": [ROWS[0], {"length": 1}]}, {"instances": [{name: [1] for name in table.NAMES}]},
    {"inputs": {}}, {"inputs": {"length": 5}}, {"inputs": {name: [] for name in table.NAMES}}, {"inputs": SECRET},
    {"inputs": {name: [[1, 2]] for name in table.NAMES}}, {"inputs": dict.fromkeys(table.NAMES, SECRET)},
    {"inputs": ROWS, "params": [1]}, {"inputs": ROWS, "more": 1}, {"messages": []},
    {"instances": [[SECRET, *ROWS[0][1:]]]}, {"dataframe_records": [{SECRET: 1}]},
]  # fmt: skip


def test_a_json_table_that_is_none_is_400(send, subtests):
    for body in NO_TABLES:
        with subtests.test(body=str(body)[:60]):
            told_mlflow(send(INVOCATIONS, body))


NO_TYPES = [
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


def test_what_mlflow_does_not_take_is_415_in_plain_text(send, subtests):
    for kind in NO_TYPES:
        with subtests.test(kind=str(kind)[:60]):
            answer = send(INVOCATIONS, {"instances": ROWS}, kind=kind)
            assert (answer.status_code, answer["Content-Type"]) == (415, "text/plain")


NO_MODELS = ["", " ", "none", "flowers@", "@", "flowers@x", "\x7f", "x" * 5000, "a b"]


def test_a_model_that_is_none_is_told(send, subtests):
    for model in NO_MODELS:
        with subtests.test(model=str(model)[:60]):
            answer = send(INVOCATIONS, {"instances": ROWS}, **{"X-Model": model})
            if not model.strip():
                assert answer.status_code in {200, 404}
            else:
                told_mlflow(answer, 404)


def test_a_hundred_faults_are_twenty_sentences(send):
    rows = [[SECRET, *ROWS[0][1:]]] * 100
    told = told_mlflow(send(INVOCATIONS, {"instances": rows}))
    assert told.count("must be a number") == 20
    assert told.endswith("and 80 more.")
    assert told_v2(send(V2, {"inputs": columns(rows)})) == told


NO_TOKENS = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer a b",
    "Basic eDp5",
    "Bearer \xff",
    "Bearer " + "x" * 4000,
]


def test_without_a_valid_token_it_is_401(send, subtests):
    for token in NO_TOKENS:
        with subtests.test(token=str(token)[:60]):
            told_v2(send(V2, {"inputs": columns()}, Authorization=token), 401)
            told_mlflow(send(INVOCATIONS, {"instances": ROWS}, Authorization=token), 401)


def test_records_with_names_of_their_own_each_cost_no_more_than_their_bytes(send):
    records = [{f"k{number}": 1} for number in range(20_000)]
    start = time.perf_counter()
    told_mlflow(send(INVOCATIONS, {"dataframe_records": records}))
    assert time.perf_counter() - start < 5  # and not 40, for 400 million cells


def test_a_parquet_body_of_millions_of_rows_is_413(send):
    buffer = io.BytesIO()
    frame = pandas.DataFrame({"other": np.zeros(600_000)})
    frame.to_parquet(buffer)
    assert "500,000 rows" in told_mlflow(
        send(INVOCATIONS, buffer.getvalue(), kind="application/vnd.apache.parquet"), 413
    )
