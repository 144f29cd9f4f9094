"""The files that come back: CSV cells, Parquet types, the metadata of pandas."""

import csv
import gc
import io

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as some

from catalog.readers.delimited import dialect
from catalog.readers.recipe import ParseRecipe
from serving.batch import writers
from tests.serving.batch.conftest import content_of


def test_csv_cells_keep_their_exact_text(send):
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
def test_a_byte_order_mark_is_preserved(send, encoding, start):
    back = content_of(send("length,width,colour,note\n9,1.5,red,Größe\n".encode(encoding)))
    assert back.startswith(start)
    assert "9,1.5,red,Größe," in back.decode()


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["request", "job"])
def test_a_tsv_file_comes_back_as_tsv(send, api, headers):
    response = send("length\twidth\tcolour\n9\t1.5\tred\n", "new.tsv", headers=headers)
    if headers:
        response = api.get(response.json()["url"] + "/result")
    assert response["Content-Type"] == "text/tab-separated-values; charset=utf-8"
    assert 'filename="new_predictions.tsv"' in response["Content-Disposition"]
    assert content_of(response).startswith(b"length\twidth\tcolour\tprediction\n9\t1.5\tred\t")


@pytest.mark.parametrize("delimiter", [" ", "::"])
def test_what_cannot_separate_every_cell_comes_back_as_commas(send, delimiter):
    rows = [["length", "width", "colour", "note"], *[["9", "1.5", "red", '""']] * 3]
    lines = content_of(send("".join(delimiter.join(row) + "\n" for row in rows))).decode().splitlines()
    assert lines[0] == "length,width,colour,note,prediction"
    assert lines[1].startswith("9,1.5,red,,")


CELLS = some.text(alphabet='a é,;\t|"\r\n\u2028', max_size=4)


@given(some.lists(some.tuples(CELLS, CELLS), min_size=1, max_size=4), some.sampled_from(dialect.DELIMITERS))
def test_any_cells_survive_the_csv_writer(rows, delimiter):
    texts = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    file = io.BytesIO()
    writer = writers.CsvWriter(file, ParseRecipe("csv", delimiter=delimiter))
    writer.write(pa.RecordBatch.from_arrays(texts, ["a", "b"]), {"prediction": np.arange(len(rows))})
    back = list(csv.reader(io.StringIO(file.getvalue().decode(), newline=""), delimiter=delimiter))
    assert back == [["a", "b", "prediction"], *([*row, str(number)] for number, row in enumerate(rows))]


def test_a_new_column_gets_a_number_if_its_name_is_used():
    new = {"prediction": np.zeros(1), "probability_a": np.zeros(1)}
    assert list(writers.with_unique_names(["prediction", "prediction_2"], new)) == [
        "prediction_3",
        "probability_a",
    ]


def test_parquet_columns_keep_their_types(send):
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
def test_the_index_and_types_of_pandas_are_preserved(send, frame, expected, index):
    sent = frame.assign(note=pandas.array([1, None] * 25, dtype="Int64")).set_axis(index)
    back = sent_and_back(send, sent)
    assert back["prediction"].tolist() == expected.predictions
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
def test_pandas_can_read_the_result_of_a_frame_with_any_kind_of_index(send, frame, expected, change):
    assert sent_and_back(send, change(frame))["prediction"].tolist() == expected.predictions


def test_columns_named_by_numbers_are_preserved(make_version, make_dataset, send, frame):
    """A table made of an array, as numpy's users have it."""
    values = np.arange(60.0).reshape(20, 3) % 7
    table = "".join(f"{','.join(map(str, row))},{'ab'[number % 2]}\n" for number, row in enumerate(values))
    make_version(make_dataset("numbers", "0,1,2,kind\n" + table))
    buffer = io.BytesIO()
    pandas.DataFrame(values).to_parquet(buffer)
    back = content_of(send(buffer.getvalue(), "x.parquet", dataset_name="numbers"))
    assert list(pandas.read_parquet(io.BytesIO(back))) == ["0", "1", "2", "prediction"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"columns": 1}', b'{"columns": [], "index_columns": [{}]}', b"\xff"],
    ids=["cut off", "list", "number", "empty index", "no UTF-8"],
)
def test_invalid_pandas_metadata_is_ignored(send, frame, expected, content):
    table = pa.Table.from_pandas(frame).replace_schema_metadata({b"pandas": content})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    back = pyarrow.parquet.read_table(io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet"))))
    assert back["prediction"].to_pylist() == expected.predictions


def test_the_metadata_of_a_removed_column_is_not_applied_to_the_prediction(send, frame, expected):
    whole = pa.Table.from_pandas(frame.assign(prediction=pandas.array([1] * 50, dtype="Int64")))
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(whole.drop_columns("prediction"), buffer)
    back = pandas.read_parquet(io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet"))))
    assert back["prediction"].tolist() == expected.predictions


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_an_abandoned_parquet_writer_writes_no_footer_when_it_is_garbage_collected(send, frame, settings):
    settings.SCORING_BATCH_ROWS = 7
    settings.PARQUET_ROW_GROUP_BYTES = 1
    buffer = io.BytesIO()
    frame.assign(length=[*[5.0] * 40, np.inf, *[5.0] * 9]).to_parquet(buffer)
    response = send(buffer.getvalue(), "x.parquet")
    assert response.json()["fields"]["input_data"] == ["Row 41, column `length` must be a finite number."]
    gc.collect()


def test_many_small_row_groups_are_returned_as_one(send, frame, version):
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pandas(frame), buffer, row_group_size=1)
    back = pyarrow.parquet.ParquetFile(io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet"))))
    assert (back.metadata.num_rows, back.metadata.num_row_groups) == (50, 1)
