"""POST /predict/file: the same table back, with predictions."""

import csv
import gc
import io
import time

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet
import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as some

from catalog.readers import dialect
from catalog.readers.column_types import MISSING
from catalog.readers.tables import Column, ParseRecipe
from serving.batch import scorer
from serving.inputs import cell_rules, files
from serving.inputs.reader import Reader
from serving.prediction import predict

ROWS = [[5 + i % 5, 1.5, ["red", "blue", None, "violet"][i % 4]] for i in range(50)]


@pytest.fixture
def frame():
    return pandas.DataFrame(ROWS, columns=["length", "width", "colour"]).assign(note="07,5")


@pytest.fixture
def wanted(make_version, admin):
    make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})
    return predict("flowers", stage="dev", rows=ROWS, by=admin, probabilities=True)


@pytest.fixture
def send(api, wanted):
    def post(content, name="New Rows.csv", **fields):
        content = content.encode() if isinstance(content, str) else content
        body = {"dataset_name": "flowers", "environment": "dev", "file": SimpleUploadedFile(name, content)}
        return api.post("/predict/file", body | fields, format="multipart")

    return post


def content_of(answer) -> bytes:
    assert answer.status_code == 200, answer.data
    return b"".join(answer.streaming_content)


def test_a_csv_file_comes_back_as_it_was_with_a_prediction_a_row(send, frame, wanted, monkeypatch):
    monkeypatch.setattr(scorer, "ROWS", 7)
    sent = frame.to_csv(index=False)
    answer = send(sent)
    assert 'filename="New Rows_predictions.csv"' in answer["Content-Disposition"]
    lines = content_of(answer).decode().splitlines()
    assert lines[0] == "length,width,colour,note,prediction"
    for line, before, prediction in zip(lines[1:], sent.splitlines()[1:], wanted.predictions, strict=True):
        assert line == f"{before},{prediction}"


def test_parquet_comes_back_as_parquet_with_probabilities(send, frame, wanted, monkeypatch):
    monkeypatch.setattr(scorer, "ROWS", 7)
    buffer = io.BytesIO()
    frame.assign(prediction=1).to_parquet(buffer)
    read = pandas.read_parquet(
        io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet", probabilities=True)))
    )
    assert read["prediction_2"].tolist() == wanted.predictions
    assert read[["probability_rose", "probability_tulip"]].to_numpy().tolist() == wanted.probabilities


def test_a_fault_is_named_by_its_row_in_the_whole_file(send, frame, monkeypatch):
    monkeypatch.setattr(scorer, "ROWS", 7)
    frame["length"] = frame["length"].astype(object)
    frame.loc[40, "length"] = "long"
    answer = send(frame.to_csv(index=False))
    assert answer.status_code == 400
    assert answer.json()["fields"]["input_data"] == ["Row 41, column `length` must be a number."]


def sent_and_back(send, frame) -> pandas.DataFrame:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return pandas.read_parquet(io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet"))))


@pytest.mark.parametrize(
    "index",
    [
        range(3, 53),
        [f"customer {row}" for row in range(50)],
        pandas.MultiIndex.from_product([["a", "b"], range(25)], names=["shop", None]),
        pandas.date_range("2026-01-01", periods=50, freq="h", tz="Europe/Berlin"),
    ],
    ids=["range", "texts", "two levels", "instants"],
)
def test_pandas_finds_its_index_and_types_in_what_comes_back(send, frame, wanted, index):
    sent = frame.assign(note=pandas.array([1, None] * 25, dtype="Int64")).set_axis(index)
    back = sent_and_back(send, sent)
    assert back["prediction"].tolist() == wanted.predictions
    pandas.testing.assert_frame_equal(back.drop(columns="prediction"), sent, check_freq=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.set_axis(pandas.interval_range(0, 50)),
        lambda frame: frame.set_axis(pandas.period_range("2026-01", periods=50, freq="M")),
        lambda frame: frame.set_axis(pandas.Categorical([1, 2] * 25)),
        lambda frame: frame.assign(note=pandas.Categorical([1, 2] * 25)),
        lambda frame: frame.rename_axis(columns="measured"),
    ],
    ids=["intervals", "periods", "categories", "a column of categories", "a name for the columns"],
)
def test_pandas_can_read_what_comes_back_whatever_its_index_was(send, frame, wanted, change):
    assert sent_and_back(send, change(frame))["prediction"].tolist() == wanted.predictions


def test_columns_named_by_numbers_come_back_beside_the_predictions(make_version, make_dataset, send, frame):
    """A table made of an array, as numpy's users have it."""
    values = np.arange(60.0).reshape(20, 3) % 7
    table = "".join(f"{','.join(map(str, row))},{'ab'[number % 2]}\n" for number, row in enumerate(values))
    make_version(make_dataset("numbers", "0,1,2,kind\n" + table))
    buffer = io.BytesIO()
    pandas.DataFrame(values).to_parquet(buffer)
    back = content_of(send(buffer.getvalue(), "x.parquet", dataset_name="numbers"))
    assert list(pandas.read_parquet(io.BytesIO(back))) == ["0", "1", "2", "prediction"]


@pytest.mark.parametrize(
    "told",
    [b"{", b"[]", b'{"columns": 1}', b'{"columns": [], "index_columns": [{}]}', b"\xff"],
    ids=["cut off", "list", "number", "empty index", "no UTF-8"],
)
def test_what_a_file_says_wrongly_of_pandas_is_no_fault_of_ours(send, frame, wanted, told):
    table = pa.Table.from_pandas(frame).replace_schema_metadata({b"pandas": told})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    back = pyarrow.parquet.read_table(io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet"))))
    assert back["prediction"].to_pylist() == wanted.predictions


def test_what_pandas_said_of_a_column_that_is_gone_is_not_said_of_the_prediction(send, frame, wanted):
    whole = pa.Table.from_pandas(frame.assign(prediction=pandas.array([1] * 50, dtype="Int64")))
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(whole.drop_columns("prediction"), buffer)
    back = pandas.read_parquet(io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet"))))
    assert back["prediction"].tolist() == wanted.predictions


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_fault_behind_the_first_row_group_leaves_no_end_to_be_written_later(send, frame, monkeypatch):
    monkeypatch.setattr(scorer, "ROWS", 7)
    monkeypatch.setattr(scorer, "ROW_GROUP", 1)
    buffer = io.BytesIO()
    frame.assign(length=[*[5.0] * 40, np.inf, *[5.0] * 9]).to_parquet(buffer)
    answer = send(buffer.getvalue(), "x.parquet")
    assert answer.json()["fields"]["input_data"] == ["Row 41, column `length` must be a finite number."]
    gc.collect()


def test_a_decimal_comma_is_read_as_the_catalog_reads_it(send):
    points = send("length;width;colour\n9;1.25;red\n5;1.5;blue\n")
    commas = send("length;width;colour\n9;1,25;red\n5;1,5;blue\n")
    assert [line.split(b";")[-1] for line in content_of(points).splitlines()] == [
        line.split(b";")[-1] for line in content_of(commas).splitlines()
    ]


@pytest.mark.parametrize(
    ("content", "name", "status", "words"),
    [
        ("length,width\n1,2\n", "x.csv", 400, "Column `colour` is missing"),
        ('{"length": 1, "width": 2, "colour": "red"}\n', "x.jsonl", 415, "CSV or a Parquet"),
        ("length,width,colour\n", "x.csv", 400, "no data rows"),
        (b"PAR1 nothing", "x.parquet", 400, "Parquet"),
    ],
)
def test_a_file_that_cannot_be_scored_says_why(send, content, name, status, words):
    answer = send(content, name)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_cells_come_back_as_they_were_written(send):
    sent = (
        'length,width,colour,note\n9,01.50,red,NA\n5, 1.5 ,NULL,"a, b"\n5,1e0,"say ""red""","two\nlines"\n'
        "5,1.5,,\u00fc \n"
    )
    back = content_of(send(sent)).decode()
    assert back.splitlines()[0] == "length,width,colour,note,prediction"
    rows = pandas.read_csv(io.StringIO(back), dtype=str, keep_default_na=False)
    assert rows.drop(columns="prediction").equals(
        pandas.read_csv(io.StringIO(sent), dtype=str, keep_default_na=False)
    )


@pytest.mark.parametrize(
    ("encoding", "start"),
    [
        ("utf-8", b"length"),
        ("cp1252", b"length"),
        ("utf-8-sig", b"\xef\xbb\xbflength"),
        ("utf-16", b"\xef\xbb\xbflength"),
    ],
    ids=["utf-8", "cp1252", "utf-8-sig", "utf-16"],
)
def test_a_table_with_a_byte_order_mark_comes_back_with_one(send, encoding, start):
    back = content_of(send("length,width,colour,note\n9,1.5,red,Größe\n".encode(encoding)))
    assert back.startswith(start)
    assert "9,1.5,red,Größe," in back.decode()


CELLS = some.text(alphabet='a é,;\t|"\r\n\u2028', max_size=4)


@given(some.lists(some.tuples(CELLS, CELLS), min_size=1, max_size=4), some.sampled_from(dialect.DELIMITERS))
def test_whatever_is_in_its_cells_each_row_comes_back_as_one(rows, delimiter):
    texts = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    file = io.BytesIO()
    writer = scorer.CsvWriter(file, ParseRecipe("csv", delimiter=delimiter))
    writer.write(pa.RecordBatch.from_arrays(texts, ["a", "b"]), {"prediction": np.arange(len(rows))})
    back = list(csv.reader(io.StringIO(file.getvalue().decode(), newline=""), delimiter=delimiter))
    assert back == [["a", "b", "prediction"], *([*row, str(number)] for number, row in enumerate(rows))]


def test_typed_columns_come_back_as_they_were_stored(send):
    table = pa.table(
        {
            "length": pa.array([9, 5], pa.int8()),
            "width": pa.array([1.5, None], pa.float32()),
            "colour": pa.array(["red", "blue"]).dictionary_encode(),
            "when": pa.array([1, 2], pa.date32()),
            "price": pa.array([1, 2], pa.decimal128(9, 2)),
        }
    )
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    back = pyarrow.parquet.read_table(io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet"))))
    assert back.column_names == [*table.column_names, "prediction"]
    kept = back.drop_columns(["prediction", "colour"])
    assert kept.equals(table.drop_columns(["colour"]).cast(kept.schema))
    assert kept.schema.types == [pa.int8(), pa.float32(), pa.date32(), pa.decimal128(9, 2)]
    assert back["colour"].to_pylist() == ["red", "blue"]


def test_new_columns_take_names_that_the_table_does_not_have():
    new = {"prediction": np.zeros(1), "probability_a": np.zeros(1)}
    assert list(scorer._named(["prediction", "prediction_2"], new)) == ["prediction_3", "probability_a"]


def test_parts_are_as_large_as_the_estimator_is_fast(monkeypatch):
    monkeypatch.setattr(scorer, "PART_S", 0.02)
    text = "a,b\n" + "1,2\n" * 20_000
    table = scorer.table(io.BytesIO(text.encode()), "x.csv")
    quick = [part.num_rows for part in scorer._Pace().parts(table)]
    assert quick[0] == scorer.FEWEST
    assert max(quick) > 4 * scorer.FEWEST
    assert sum(quick) == 20_000


INPUTS = [
    {"name": "whole", "type": "integer"},
    {"name": "part", "type": "number"},
    {"name": "day", "type": "date"},
    {"name": "word", "type": "text"},
    {"name": "flag", "type": "boolean"},
]
WRITTEN = some.one_of(
    some.sampled_from([*MISSING, " NA ", "inf", "-Infinity", "1e400", "0x1", "1_0", "1,5", "\u0661", "\u00a01", "+.5",
                       "5.", "true", "FALSE", " true", "2026-01-31", "2026-01-31T10:00:00Z", "2026-02-30"]),
    some.integers().map(str),
    some.floats().map(str),
    some.text(alphabet=some.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
)  # fmt: skip


def outcome(work) -> tuple:
    try:
        rows = work()
    except ValidationError as error:
        return ("refused", error.messages)
    return rows.numbers.tobytes(), rows.dates.tobytes(), [list(values) for values in rows.text]


@given(some.lists(some.tuples(*[WRITTEN] * 5), min_size=1, max_size=4))
def test_a_part_of_a_text_file_is_read_as_the_rules_read_each_cell(rows):
    columns = dict(zip([column["name"] for column in INPUTS], zip(*rows, strict=True), strict=True))
    reader = Reader(INPUTS)
    batch_ = pa.RecordBatch.from_arrays(
        [pa.array(values, pa.string()) for values in columns.values()], list(columns)
    )
    recipe = ParseRecipe("csv", decimal=".", columns=tuple(Column(name, "text", True) for name in columns))
    assert outcome(lambda: files.from_batch(batch_, reader, recipe=recipe)) == outcome(
        lambda: reader.from_columns(columns, len(rows), rules=cell_rules.TEXT)
    )


@given(
    some.sampled_from(["i8", "u4", "f4", "f8", "bool", "M8[us]", "O"]),
    some.sampled_from(INPUTS),
    some.lists(some.integers(0, 5), min_size=1, max_size=4),
)
def test_a_typed_column_is_read_as_the_rules_read_each_value(dtype, column, values):
    series = pandas.Series(np.array(values).astype(dtype))
    if series.dtype.kind == "f":
        series = series.where(series > 0) / 2
    reader, frame = Reader([column]), pandas.DataFrame({column["name"]: series})
    listed = {column["name"]: files._TypedColumns({column["name"]: series}).to_list(column["name"])}
    assert outcome(lambda: files.from_frame(frame, reader)) == outcome(
        lambda: reader.from_columns(listed, len(values))
    )


class TestPage:
    URL = "/serving/flowers/dev/file/"

    def test_a_table_is_sent_and_comes_back(self, page, frame, wanted):
        assert 'action="/serving/flowers/dev/file/#file"' in page.get("/serving/flowers/dev/").text
        file = SimpleUploadedFile("rows.csv", frame.to_csv(index=False).encode())
        answer = page.post(self.URL, {"file": file, "probabilities": "on"})
        assert 'filename="rows_predictions.csv"' in answer["Content-Disposition"]
        assert (
            content_of(answer)
            .decode()
            .splitlines()[0]
            .endswith("prediction,probability_rose,probability_tulip")
        )

    def test_a_fault_is_shown_at_the_file_by_the_api_s_sentence(self, page, wanted):
        answer = page.post(self.URL, {"file": SimpleUploadedFile("x.csv", b"length,width\n1,2\n")})
        assert answer.status_code == 422
        assert "Column <code>colour</code> is missing" in answer.text

    def test_a_model_that_its_pipeline_serves_says_why(self, page, wanted):
        from serving.models import Verification

        assert "full pipeline" not in page.get("/serving/flowers/dev/").text
        Verification.objects.update(engine="pipeline", reason="its numbers are scaled by RobustScaler")
        text = page.get("/serving/flowers/dev/").text
        assert "uses the full pipeline, because its numbers are scaled by RobustScaler." in text


@pytest.mark.parametrize("cell", ["5.000", "1.234.567"])
def test_what_may_be_thousands_beside_decimal_commas_is_refused(send, cell):
    answer = send(f"length;width;colour;x\n6;{cell};red;1,5\n", "x.csv")
    assert answer.status_code == 400
    assert "Row 1, column `width` must be a number." in answer.data["fields"]["input_data"]


def test_a_whole_number_has_no_decimal_comma(send):
    answer = send('length;width;colour\n"5,000";1,5;red\n', "x.csv")
    assert "Row 1, column `length` must be a number." in answer.data["fields"]["input_data"]


def test_many_small_parts_cost_no_more_than_their_rows(send, frame):
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pandas(pandas.concat([frame] * 40)), buffer, row_group_size=1)
    start = time.process_time()  # its own, not what it waits for others on the machine
    content_of(send(buffer.getvalue(), "x.parquet"))
    assert time.process_time() - start < 20  # and not 60
