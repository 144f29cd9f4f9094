"""Detection of compression, text encoding and files that are not tables."""

import gzip

import pyarrow as pa
import pytest

from tests.catalog.readers.reading import error_of, parquet, recipe_of, table


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_detected(codec, encoding):
    content = "city,n\nZürich,1\nMálaga,2\n".encode(codec)
    assert recipe_of(content).encoding == encoding
    assert table(content)["city"].tolist() == ["Zürich", "Málaga"]


def test_utf_16_big_endian_with_a_byte_order_mark_is_read():
    assert table("\ufeffa,b\né,1\n".encode("utf-16-be"))["a"].tolist() == ["é"]


def test_a_latin_1_letter_is_read_even_if_the_first_megabytes_are_ascii():
    frame = table(b"a,b\n" + b"ok,1\n" * 1_000_000 + b"caf\xe9,2\n")
    assert frame["a"].iloc[-1] == "café"


def test_an_invalid_byte_in_utf_8_is_reported_with_its_line_number():
    code, sentence = error_of("a,b\nZürich,1\nMálaga,2\n".encode() + b"caf\xe9,3\n")
    assert (code, sentence[:30]) == ("encoding", "Line 4 is not valid UTF-8 text")


@pytest.mark.parametrize(
    "content",
    ["", " \n\n", b"\xef\xbb\xbf", b"\xff\xfe", gzip.compress(b"", mtime=0)],
    ids=["no bytes", "blank lines", "UTF-8 mark", "UTF-16 mark", "gzip"],
)
def test_an_empty_file_is_rejected(content):
    assert error_of(content)[0] == "empty_file"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml xl/workbook.xml", "Excel"),
        (b"PK\x03\x04\x14\0table.csv", "ZIP"),
        (b"%PDF-1.7", "PDF"),
        (gzip.compress(gzip.compress(b"a,b\n1,2\n", mtime=0), mtime=0), "gzip"),
        (b"<!DOCTYPE html><title>Sign in</title>", "web page"),
        (bytes(range(256)) * 4, "binary"),
    ],
    ids=["png", "xlsx", "zip", "pdf", "gzip in gzip", "html", "binary"],
)
def test_the_error_names_the_kind_of_a_file_that_is_not_a_table(content, word):
    code, sentence = error_of(content)
    assert code == "binary_file"
    assert word in sentence


@pytest.mark.parametrize("rows", [1, 700_000])
def test_a_nul_byte_is_reported_with_its_line_number(rows):
    code, sentence = error_of(b"alpha,beta\n" + b"1,2\n" * rows + b"3,\0\n")
    assert code == "binary_file"
    assert sentence.startswith(f"Line {rows + 2:,} contains a NUL")


def test_gzip_is_detected_from_the_content():
    for content in (b"a,b\n1,2\n", b'{"a": 1, "b": 2}\n', parquet(pa.table({"a": [1], "b": [2]}))):
        assert recipe_of(gzip.compress(content), "table").compression == "gzip"
        assert table(gzip.compress(content)).to_dict("records") == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b[:100] + b"\0" * 20 + b[120:], lambda b: b + b"x"]
)
def test_a_damaged_gzip_file_is_rejected(damage):
    rows = "".join(f"{i * 7919 % 10007},{i}\n" for i in range(3000))
    assert error_of(damage(gzip.compress(f"a,b\n{rows}".encode())))[0] == "corrupt_file"


def test_a_gzip_bomb_stops_at_the_limit():
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000)
    assert error_of(bomb, max_bytes=10_000_000)[0] == "too_large"
