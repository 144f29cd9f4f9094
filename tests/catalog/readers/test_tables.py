"""Reading by recipe, the same for every format: columns, limits, chunks, memory."""

import io
import json
import tracemalloc

import pandas
import pyarrow as pa
import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.readers import tables
from catalog.readers.tables import ParseRecipe, detect, read
from tests.catalog.readers.reading import parquet, recipe_of, table


@pytest.mark.parametrize(
    "content", ["a;b\n1,5;x\n", '{"a": 1}\n', parquet(pa.table({"a": [1]}))], ids=["csv", "jsonl", "parquet"]
)
def test_a_recipe_is_unchanged_by_a_round_trip_through_json(content):
    recipe = recipe_of(content)
    assert ParseRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize("content", ["a,b,c\n1,x,2\n3,y,4\n", '{"a":1,"b":"x","c":2}\n{"a":3,"b":"y","c":4}'])
def test_columns_are_selected_and_ordered(content):
    assert table(content, columns=["c", "a"]).to_dict("list") == {"c": [2, 4], "a": [1, 3]}
    with pytest.raises(ValidationError, match="no column `z`"):
        table(content, columns=["z"])


def test_a_limit_returns_the_first_rows_with_the_types_of_the_whole_file():
    content = "a,b\n1,x\n" * 1 + "2,y\n" * 50 + ",z\n"
    frame = table(content, limit=2)
    assert frame["a"].tolist() == [1, 2]
    assert str(frame["a"].dtype) == "Int64"
    assert table(content, limit=0).dtypes.equals(frame.dtypes)


def test_a_limit_does_not_read_the_whole_file():
    class Counting(io.BytesIO):
        total = 0

        def read(self, size=-1):
            block = super().read(size)
            Counting.total += len(block)
            return block

    file = Counting(b"a,b\n" + b"1,2\n" * 25_000_000)
    recipe = recipe_of("a,b\n1,2\n")
    assert len(read(file, recipe, limit=10)) == 10
    assert Counting.total < 60_000_000


def test_a_reader_that_was_closed_early_does_not_affect_the_next():
    content = "a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(300_000))
    file = io.BytesIO(content.encode())
    recipe = detect(file, "t.csv").recipe
    for _ in range(10):
        assert read(file, recipe, limit=5)["a"].tolist() == [0, 1, 2, 3, 4]
    assert read(file, recipe)["a"].tolist() == list(range(300_000))
    assert not file.closed


def test_uploaded_files_are_read_in_place_and_stay_open():
    upload = TemporaryUploadedFile("t.csv", "text/csv", 0, None)
    upload.write(b"a,b\n1,2\n")
    recipe = detect(upload, upload.name).recipe
    assert read(upload, recipe).to_dict("list") == {"a": [1], "b": [2]}
    upload.file.close()
    upload = SimpleUploadedFile("t.parquet", parquet(pa.table({"a": [1]})))
    recipe = detect(upload, upload.name).recipe
    assert read(upload, recipe).to_dict("list") == {"a": [1]}
    assert not upload.closed


def test_thirty_megabytes_are_read_in_constant_memory():
    rows = "".join(f"{i},{i / 7:.6f},customer {i % 5003},2024-01-{i % 28 + 1:02}\n" for i in range(20_000))
    file = io.BytesIO(b"a,b,c,d\n" + rows.encode() * 40)
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    assert detect(file, "t.csv").rows == 800_000
    assert tracemalloc.get_traced_memory()[1] < 80_000_000
    assert pa.total_allocated_bytes() - before < 5_000_000
    tracemalloc.stop()


@settings(max_examples=150)
@given(
    content=st.binary(max_size=200), name=st.sampled_from(["t.csv", "t.parquet", "t.jsonl", "t.tsv.gz", ""])
)
def test_arbitrary_bytes_are_read_or_rejected_with_a_code(content, name):
    try:
        assert len(table(content, name)) > 0
    except ValidationError as error:
        assert error.code


def test_columns_of_a_wide_table_are_read_as_those_of_a_narrow_one(monkeypatch):
    content = b"a,b,c,d,e,f\n1,1.5,007, 2 ,x,2024-01-31\n2,,008,3,y,2024-02-01\n,-2,009,4,,\n"
    narrow = tables.read(io.BytesIO(content), tables.detect(io.BytesIO(content), "t.csv").recipe)
    monkeypatch.setattr(tables, "MANY_COLUMNS", 1)
    wide = tables.read(io.BytesIO(content), tables.detect(io.BytesIO(content), "t.csv").recipe)
    pandas.testing.assert_frame_equal(wide, narrow)


def test_what_the_inference_parsed_is_used_if_the_recipe_says_the_same():
    content = b"a,b,c\n1,3.5,5\n2,4.5,6\n"
    recipe = detect(io.BytesIO(content), "t.csv").recipe
    texts = [pa.array(column) for column in (["1", "2"], ["3.5", "4.5"], ["5", "6"])]
    parsed = [pa.array([10, 20]), pa.array([30, 40]), None]
    [batch] = tables.typed(texts, recipe, recipe.columns, parsed=parsed)
    assert batch.to_pydict() == {"a": [10, 20], "b": [3.5, 4.5], "c": [5, 6]}
