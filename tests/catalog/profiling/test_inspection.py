"""Inspection of a file: recipe, profile, sample and preview."""

import io
import tracemalloc

import pyarrow as pa
import pytest

from catalog.profiling.inspection import inspect, profile
from catalog.readers import tables


def inspected(content: str, filename: str = "table.csv"):
    return inspect(io.BytesIO(content.encode()), filename)


def test_an_inspection_has_the_recipe_the_profile_the_sample_and_the_preview():
    result = inspected("city,when,size\nOslo,2026-01-31,1.5\n,2026-02-01T10:00:00,\n")
    assert (result.rows, result.recipe.format) == (2, "csv")
    assert [column["name"] for column in result.profile] == ["city", "when", "size"]
    assert result.sample["city"].tolist()[0] == "Oslo"
    assert result.preview == [["Oslo", "2026-01-31T00:00:00", 1.5], [None, "2026-02-01T10:00:00", None]]


@pytest.mark.parametrize("rows", [19, 20, 21, 60_000])
def test_the_preview_is_the_first_twenty_rows(rows):
    preview = inspected("a\n" + "".join(f"{row}\n" for row in range(rows))).preview
    assert preview == [[row] for row in range(min(rows, 20))]


def test_a_preview_of_long_rows_is_assembled_from_several_chunks():
    prose = "x" * 900_000
    assert len(inspected("a,b\n" + f"1,{prose}\n" * 25).preview) == 20


def test_a_profile_reads_the_file_once():
    class CountingFile(io.BytesIO):
        bytes_read = 0

        def read(self, size=-1):
            block = super().read(size)
            self.bytes_read += len(block)
            return block

    file = CountingFile(b"a,b\n" + b"1,x\n" * 500_000)
    reading = tables.detect(file, "table.csv")
    file.bytes_read = 0
    result = profile(file, reading.recipe, reading.rows)
    assert file.bytes_read <= 1.01 * len(file.getvalue())
    assert (len(result.preview), len(result.sample), result.profile[0]["mean"]) == (20, 500, 1)


def test_thirty_megabytes_are_inspected_in_constant_memory():
    rows = "".join(f"{i},{i / 7:.6f},customer {i % 5003},2024-01-{i % 28 + 1:02}\n" for i in range(20_000))
    file = io.BytesIO(b"a,b,c,d\n" + rows.encode() * 40)
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    assert inspect(file, "t.csv").rows == 800_000
    assert tracemalloc.get_traced_memory()[1] < 80_000_000
    assert pa.total_allocated_bytes() - before < 5_000_000
    tracemalloc.stop()
