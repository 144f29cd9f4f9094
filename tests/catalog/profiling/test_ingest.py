"""Ingesting a file: one pass for the typed copy, the sample and the preview; then the profile."""

import hashlib
import io
import tracemalloc

import pyarrow as pa
import pytest
from django.core.exceptions import ValidationError

from catalog.imports import ingestion
from catalog.profiling.ingest import ingest, ingest_new
from catalog.readers import detection, tables
from catalog.readers.recipe import ParseRecipe
from tests.catalog.profiling.tables import ingested


def test_an_ingested_table_has_its_profile_its_sample_and_its_preview():
    result = ingested("city,when,size\nOslo,2026-01-31,1.5\n,2026-02-01T10:00:00,\n")
    assert result.rows == 2
    assert [column["name"] for column in result.profile] == ["city", "when", "size"]
    assert result.sample["city"].to_pylist() == ["Oslo", None]
    assert result.preview == [["Oslo", "2026-01-31T00:00:00", 1.5], [None, "2026-02-01T10:00:00", None]]


def test_the_digest_and_the_size_are_those_of_the_typed_copy():
    file, copy = io.BytesIO(b"a,b\n1,x\n2,y\n"), io.BytesIO()
    result = ingest(file, tables.detect(file, "t.csv").recipe, copy=copy)
    assert (result.sha256, result.size) == (hashlib.sha256(copy.getvalue()).hexdigest(), len(copy.getvalue()))


@pytest.mark.parametrize("rows", [19, 20, 21, 60_000])
def test_the_preview_is_the_first_twenty_rows(rows):
    preview = ingested("a\n" + "".join(f"{row}\n" for row in range(rows))).preview
    assert preview == [[row] for row in range(min(rows, 20))]


def test_a_preview_of_long_rows_is_assembled_from_several_batches():
    prose = "x" * 900_000
    assert len(ingested("a,b\n" + f"1,{prose}\n" * 25).preview) == 20


def test_a_file_is_read_once():
    class CountingFile(io.BytesIO):
        bytes_read = 0

        def read(self, size=-1):
            block = super().read(size)
            self.bytes_read += len(block)
            return block

    file = CountingFile(b"a,b\n" + b"1,x\n" * 500_000)
    recipe = tables.detect(file, "table.csv").recipe
    file.bytes_read = 0
    result = ingest(file, recipe, copy=io.BytesIO())
    assert file.bytes_read <= 1.01 * len(file.getvalue())
    assert (len(result.preview), len(result.sample), result.profile[0]["mean"]) == (20, 500, 1)


HEAD = b"a,b,c\n" + b"1,5e-05,yes\n2,0.5,no\n" * 201_000  # more than 4 MB


@pytest.mark.parametrize(
    ("below", "types"),
    [
        (b"3,,yes\n", ["integer", "number", "boolean"]),
        (b"4.5,1,no\n", ["number", "number", "boolean"]),
        (b"1,x,no\n" * 100_000, ["integer", "text", "boolean"]),
        (b"\nSource: Office of Statistics\n", ["integer", "number", "boolean"]),
    ],
)
def test_a_new_file_is_ingested_as_by_its_recipe_even_if_its_beginning_is_different(below, types):
    file, copy, again = io.BytesIO(HEAD + below), io.BytesIO(), io.BytesIO()
    reading, content = ingest_new(file, "t.csv", copy=copy)
    assert [column.type for column in reading.recipe.columns] == types
    assert reading == tables.detect(file, "t.csv")
    expected = ingest(file, reading.recipe, copy=again)
    assert copy.getvalue() == again.getvalue()
    assert (content.profile, content.preview) == (expected.profile, expected.preview)
    assert content.sample.equals(expected.sample)


def test_a_large_new_file_is_read_once():
    file = ingestion.CountingFile(io.BytesIO(HEAD))
    ingest_new(file, "t.csv", copy=io.BytesIO())
    assert file.bytes_read <= len(HEAD) + 3 * detection.HEAD_BYTES


def test_the_profile_reports_its_progress():
    shares = []
    ingested("a,b\n1,x\n2,y\n", progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_file_that_is_damaged_in_the_middle_is_refused():
    file = io.BytesIO(b"a,b\n1,2\n3\n")
    columns = (tables.Column("a", "integer", False), tables.Column("b", "integer", False))
    recipe = ParseRecipe("csv", encoding="utf-8", delimiter=",", decimal=".", skip=0, columns=columns)
    with pytest.raises(ValidationError, match="Line 3"):
        ingest(file, recipe, copy=io.BytesIO())


def test_thirty_megabytes_are_ingested_in_constant_memory(tmp_path):
    rows = "".join(f"{i},{i / 7:.6f},customer {i % 5003},2024-01-{i % 28 + 1:02}\n" for i in range(20_000))
    file = io.BytesIO(b"a,b,c,d\n" + rows.encode() * 40)
    recipe = tables.detect(file, "t.csv").recipe
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    with open(tmp_path / "copy", "w+b") as copy:
        assert ingest(file, recipe, copy=copy).rows == 800_000
    assert tracemalloc.get_traced_memory()[1] < 80_000_000
    assert pa.total_allocated_bytes() - before < 5_000_000
    tracemalloc.stop()
