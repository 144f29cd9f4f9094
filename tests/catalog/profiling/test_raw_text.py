"""The raw beginning of a file."""

import io

import pyarrow as pa

from catalog.profiling import raw_text
from catalog.readers import tables
from tests.catalog.readers.reading import parquet


def lines(content, **options):
    content = content if isinstance(content, bytes) else content.encode()
    return raw_text.lines(io.BytesIO(content), "table.csv", **options)


def cells(content, filename="table.csv", rows=2):
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return raw_text.cells(file, tables.detect(file, filename).recipe, rows=rows)


def test_lines_are_numbered_and_have_no_byte_order_mark():
    assert lines("\ufeffa;b\r\n1;2\r\n") == [[1, "a;b"], [2, "1;2"], [3, ""]]


def test_long_lines_and_files_are_cut():
    read = lines("x" * 5000 + "\n" * 100)
    assert (len(read), len(read[0][1]), read[0][1][-2:]) == (raw_text.LINES, raw_text.LINE_LENGTH, "x…")


def test_of_many_lines_above_the_header_the_last_are_shown():
    read = lines("note\n" * 100 + "a,b\n1,2\n", skip=100)
    assert (read[0][0], read[-2]) == (93, [102, "1,2"])


def test_bytes_in_another_encoding_are_replaced():
    assert lines(b"caf\xe9\n", encoding="utf-8")[0] == [1, "caf\ufffd"]
    assert lines(b"caf\xe9\n", encoding="cp1252")[0] == [1, "café"]


def test_cells_are_as_written_without_quotes():
    assert cells('a,b\n" 1",NA\n2,1e3\n3,4\n') == [[" 1", "NA"], ["2", "1e3"]]


def test_values_of_a_typed_format_are_text_or_none():
    assert cells(parquet(pa.table({"a": [1, None]})), "a.parquet") == [["1"], [None]]
