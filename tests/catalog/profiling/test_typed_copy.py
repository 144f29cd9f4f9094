"""The typed copy of a table, and frames that are read from it."""

import io

import pandas
import pyarrow.parquet
import pytest

from catalog.profiling import typed_copy
from catalog.profiling.typed_copy import TypedCopy, Writer
from catalog.readers import tables
from registry.training.columns import feature_frame
from registry.training.splits import target_values

EVERY_TYPE = "small,wide,half,size,is_new,is_old,colour,day,a.b,a\n" + "".join(
    f"{i},{i * 10**12},{i if i % 2 else ''},{'' if i % 4 == 0 else i / 4},{['true', 'false'][i % 2]},"
    f"{['true', 'false', ''][i % 3]},{['red', '', 'blue'][i % 3]},"
    f"{'' if i % 5 == 0 else f'2026-01-{i % 28 + 1:02}T10:00:00'},x{i},y{i % 2}\n"
    for i in range(1, 41)
)


def written(content: str) -> tuple[io.BytesIO, tables.ParseRecipe, io.BytesIO]:
    file = io.BytesIO(content.encode())
    recipe, copy = tables.detect(file, "table.csv").recipe, io.BytesIO()
    writer = Writer(copy, recipe.columns)
    for batch in tables.typed_batches(file, recipe):
        writer.write(batch)
    writer.close()
    return file, recipe, copy


def test_a_training_sees_the_same_frame_as_of_the_uploaded_file():
    file, recipe, copy = written(EVERY_TYPE)
    columns = [vars(column) for column in recipe.columns]
    before = tables.read(file, recipe)
    after = TypedCopy(copy, categories=["colour", "a"]).read(recipe.columns)
    pandas.testing.assert_frame_equal(feature_frame(before, columns), feature_frame(after, columns))
    for column in columns:
        if column["type"] != "date":
            name = column["name"]
            expected, actual = (
                target_values(frame[name].dropna(), column["type"]) for frame in (before, after)
            )
            assert (expected.tolist(), expected.dtype) == (actual.tolist(), actual.dtype)


def test_integers_are_read_in_their_narrowest_type_and_categories_as_codes():
    _, recipe, copy = written(EVERY_TYPE)
    dtypes = TypedCopy(copy, categories=["colour"]).read(recipe.columns).dtypes.astype(str)
    assert (dtypes["small"], dtypes["wide"], dtypes["half"]) == ("int8", "int64", "Int8")
    assert (dtypes["colour"], dtypes["a.b"]) == ("category", "str")


@pytest.mark.parametrize(
    ("value", "dtype"), [(127, "int8"), (128, "int16"), (2**31, "int64"), (-(2**63), "int64")]
)
def test_the_range_of_a_column_gives_its_type(value, dtype):
    _, recipe, copy = written(f"a\n0\n{value}\n")
    frame = TypedCopy(copy).read(recipe.columns)
    assert (str(frame["a"].dtype), frame["a"].tolist()) == (dtype, [0, value])


def test_a_number_that_is_none_is_missing():
    frame = pandas.DataFrame({"a": [1.5, float("nan"), float("inf")]})
    file = io.BytesIO(frame.to_parquet())
    recipe, copy = tables.detect(file, "a.parquet").recipe, io.BytesIO()
    writer = Writer(copy, recipe.columns)
    for batch in tables.typed_batches(file, recipe):
        writer.write(batch)
    writer.close()
    assert pyarrow.parquet.read_table(copy)["a"].to_pylist() == [1.5, None, float("inf")]


def test_row_groups_are_filled_across_batches(monkeypatch):
    monkeypatch.setattr(typed_copy, "GROUP_ROWS", 30_000)
    _, _, copy = written("a\n" + "".join(f"{i}\n" for i in range(70_000)))
    metadata = pyarrow.parquet.ParquetFile(copy).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [
        30_000,
        30_000,
        10_000,
    ]


def test_a_slice_reads_only_its_row_groups(monkeypatch):
    monkeypatch.setattr(typed_copy, "GROUP_ROWS", 10)
    _, _, copy = written("a,b\n" + "".join(f"{i},{i}\n" for i in range(35)))
    opened = TypedCopy(copy)
    assert opened.slice(8, 4, ["b"])["b"].to_pylist() == [8, 9, 10, 11]
    assert opened.slice(33, 10, ["a"])["a"].to_pylist() == [33, 34]
    assert opened.slice(35, 10, ["a"]).num_rows == 0
    assert opened.take([0, 9, 34], ["a"])["a"].to_pylist() == [0, 9, 34]


def test_a_column_is_not_read_for_the_part_of_another():
    _, _, copy = written(EVERY_TYPE)
    assert TypedCopy(copy).slice(0, 1, ["a"]).to_pylist() == [{"a": "y1"}]
