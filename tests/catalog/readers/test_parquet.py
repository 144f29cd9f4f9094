"""Parquet: types, text encodings, the index of pandas, and damaged files."""

import decimal
import io
from datetime import date, datetime, time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.readers import parquet as parquet_reader
from catalog.readers import tables
from tests.catalog.readers.reading import error_of, findings, parquet, recipe_of, table, types


def test_parquet_types_come_from_the_schema():
    arrays = {
        "small": pa.array([1, None], pa.int8()),
        "float": pa.array([1.5, np.nan], pa.float32()),
        "decimal": [decimal.Decimal("1.5"), None],
        "flag": [True, None],
        "word": pa.array(["x", None]).dictionary_encode(),
        "day": [date(2024, 1, 1), None],
        "instant": pa.array([datetime(2024, 1, 1), None], pa.timestamp("ns", "Europe/Paris")),
        "clock": [time(1, 2), None],
        "nothing": pa.nulls(2),
    }
    content = parquet(pa.table(arrays))
    assert list(types(content).values()) == [
        *("integer", "number", "number", "boolean", "text", "date", "date", "text", "number"),
    ]
    assert table(content)["instant"].tolist()[0] == datetime(2024, 1, 1)
    assert table(content).iloc[1].isna().all()


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
    ids=str,
)
def test_every_parquet_text_type_is_read_as_text(kind):
    texts = pa.array(["red", None, "blue"]).cast(kind)
    read = table(parquet(pa.table({"a": texts})))["a"]
    assert read.isna().tolist() == [False, True, False]
    assert read.dropna().tolist() == ["red", "blue"]


def test_unsigned_parquet_numbers_over_63_bits_become_text():
    assert table(parquet(pa.table({"a": pa.array([2**64 - 1, 1], pa.uint64())})))["a"].tolist()[1] == "1"


def test_a_parquet_dictionary_that_decodes_to_too_many_bytes_is_rejected():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(["x" * 1000] * 20_000)}), buffer)
    assert len(buffer.getvalue()) < 10_000
    assert error_of(buffer.getvalue(), "t.parquet", max_bytes=10_000_000)[0] == "too_large"


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ([0] * 800, {}),
        (range(800), {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}}),
    ],
    ids=["dictionary", "delta"],
)
def test_highly_compressed_parquet_texts_are_read_in_small_batches(rows, options):
    text = "x" * 200_000
    texts = pa.array([f"{text}{row}" for row in rows], pa.large_string())
    content = parquet(pa.table({"a": texts}), compression="zstd", **options)
    del texts
    assert len(content) < 10_000
    before, rows_read = pa.total_allocated_bytes(), 0
    recipe = tables.ParseRecipe("parquet", columns=(tables.Column("a", "text", False),))
    for batch in parquet_reader.batches(io.BytesIO(content), recipe, recipe.columns):
        assert pa.total_allocated_bytes() - before < 60_000_000
        assert batch.column("a")[0].as_py() == f"{text}{rows[rows_read]}"
        rows_read += batch.num_rows
    assert rows_read == 800


def test_the_pandas_index_is_not_a_column():
    file = io.BytesIO()
    pd.DataFrame({"a": [1, 2]}, index=[5, 7]).to_parquet(file)
    assert list(table(file.getvalue())) == ["a"]


def test_the_pandas_index_counts_towards_the_size_limit():
    frame = pd.DataFrame({"a": range(2000)}, index=pd.Index(["x" * 10_000] * 2000))
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    assert error_of(buffer.getvalue(), "t.parquet", max_bytes=10_000_000)[0] == "too_large"


def test_a_binary_pandas_index_is_not_read():
    labels = pa.array([b"x" * 10_000]).take(pa.array([0] * 2000))
    content = parquet(pa.table({"a": range(2000), "__index_level_0__": labels}))
    rows = tables.detect(io.BytesIO(content), "t.parquet", max_bytes=10_000_000).rows
    assert rows == 2000


def test_excessive_pandas_index_levels_and_metadata_are_ignored():
    many = {f"__index_level_{level}__": [level] for level in range(2000)}
    metadata = b'{"columns": [%s]}' % b",".join([b"[]"] * 1_000_000)
    content = parquet(pa.table({"a": [1]} | many).replace_schema_metadata({b"pandas": metadata}))
    assert list(table(content)) == ["a"]
    (batch,) = tables.raw_batches(io.BytesIO(content), recipe_of(content))
    assert (batch.schema.names, batch.schema.metadata) == (["a"], None)


@pytest.mark.parametrize("values", [[[1]], [{"x": 1}], [b"x"]], ids=["list", "object", "binary"])
def test_nested_and_binary_parquet_columns_are_named_in_the_error(values):
    code, sentence = error_of(parquet(pa.table({"ok": [1], "nested": values})))
    assert code == "nested_value"
    assert "`nested`" in sentence


def test_a_damaged_parquet_file_is_rejected():
    content = parquet(pa.table({"a": [f"{i}" for i in range(500)]}))
    assert error_of(content[:-30])[0] == error_of(content[:50])[0] == "corrupt_file"
    assert error_of(content[:40] + b"\xff" * 200 + content[240:])[0] == "corrupt_file"
    assert error_of(b"no parquet", "t.parquet")[0] == "corrupt_file"


def test_a_parquet_file_is_not_damaged_because_memory_is_short():
    class Unaffordable(io.BytesIO):
        def read(self, size=-1):
            raise pa.ArrowMemoryError(f"malloc of size {size} failed")

    content = parquet(pa.table({"a": [1]}))
    with pytest.raises(MemoryError):
        tables.read(Unaffordable(content), recipe_of(content))


def test_a_parquet_file_without_rows_is_rejected():
    assert error_of(parquet(pa.table({"a": pa.array([], pa.int64())})))[0] == "no_rows"


def test_texts_that_look_like_numbers_stay_text_and_are_said():
    content = parquet(pa.table({"price": ["1.5", None], "name": ["a", "b"]}))
    assert types(content)["price"] == "text"
    assert [(found.column, found.code) for found in findings(content)] == [("price", "text_numbers")]
