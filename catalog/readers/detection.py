"""What an uploaded file is, told from its first bytes; its name is only a hint."""

import codecs
import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from catalog.readers import column_types, delimited, streams

SAMPLE = 4 * 1024 * 1024  # the header has to fit in
DELIMITER_SAMPLE = 64 * 1024
DELIMITERS = ",;\t|"

# What people upload by mistake: the bytes it starts with, what it is, and what to do with it.
FOREIGN = (
    (b"\x89PNG\r\n", "a PNG image", "Upload a table instead"),
    (b"\xff\xd8\xff", "a JPEG image", "Upload a table instead"),
    (b"GIF8", "a GIF image", "Upload a table instead"),
    (b"%PDF", "a PDF document", "Export the table in it as CSV and upload that"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel workbook or another Office file",
        "Save the sheet as CSV and upload that",
    ),
    (b"\x1f\x8b", "a gzip file inside a gzip file", "Compress it once only"),
    (b"BZh", "a bzip2 file", "Decompress it, or compress it with gzip instead"),
    (b"\xfd7zXZ", "an xz file", "Decompress it, or compress it with gzip instead"),
    (b"(\xb5/\xfd", "a Zstandard file", "Decompress it, or compress it with gzip instead"),
    (b"7z\xbc\xaf", "a 7z archive", "Upload the table in it by itself"),
    (b"Rar!", "a RAR archive", "Upload the table in it by itself"),
    (b"ARROW1", "an Arrow file", "Save it as Parquet or CSV and upload that"),
    (b"FEA1", "a Feather file", "Save it as Parquet or CSV and upload that"),
    (b"\x89HDF", "an HDF5 file", "Save it as Parquet or CSV and upload that"),
    (b"\x93NUMPY", "a NumPy file", "Save it as Parquet or CSV and upload that"),
    (b"SQLite format 3", "an SQLite database", "Export the table in it as CSV and upload that"),
)
MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)
BYTE_ORDER_MARKS = (  # UTF-32's begins with UTF-16's
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1a\x1b"))


@dataclass(frozen=True)
class Kind:
    """A file's format and compression, and for text the encodings it may be in, likeliest first."""

    format: str
    compression: str | None
    encodings: tuple[str, ...] = ()
    text: str = ""  # the decoded sample
    is_whole: bool = False  # whether the sample is the whole file


@dataclass(frozen=True)
class Layout:
    """How a delimited text is written: `skip` blank lines, then the header with its `names`, then the rows."""

    delimiter: str
    escape: str | None
    skip: int
    names: tuple[str, ...]


def kind(file, filename, *, max_bytes=streams.MAX_BYTES):
    """Tells Parquet, JSON lines and delimited text apart; anything else is an error that says what it is."""
    file.seek(0)
    compression = "gzip" if file.read(2) == b"\x1f\x8b" else None
    sample = streams.unpacked(file, compression, max_bytes=max_bytes).read(SAMPLE)
    if sample.startswith(b"PAR1"):
        return Kind("parquet", compression)
    hint = re.sub(r"\.gz$", "", filename.lower()).rpartition(".")[2]
    _refuse_foreign(sample, hint)
    encodings = _encodings(sample)
    try:
        text = _decode(sample, encodings[0])
    except UnicodeDecodeError as error:
        raise encoding_error(encodings[0], 1 + sample.count(b"\n", 0, error.start)) from error
    if not text.strip():
        raise ValidationError(
            "The file is empty. Upload a table with a header row and at least one row.", code="empty_file"
        )
    if "\0" in text:
        raise streams.nul_error(1 + text.count("\n", 0, text.index("\0")))
    form = "jsonl" if _is_json(text, hint) else "csv"
    return Kind(form, compression, encodings, text, is_whole=len(sample) < SAMPLE)


def layout(kind, filename):
    """The delimiter, escaping and column names of a delimited text, from its first lines."""
    head = kind.text[:DELIMITER_SAMPLE]
    # \" followed by more of the cell escapes the quote; "C:\" followed by a delimiter does not.
    escape = "\\" if re.search(r'\\"[^"\r\n,;\t|]', head) else None
    hint = "\t" if ".tsv" in filename.lower() else ""
    delimiter = _delimiter(head, escape, is_cut=len(head) < len(kind.text) or not kind.is_whole, hint=hint)
    skip, names = _header(kind, delimiter, escape)
    if len(names) == 1 and ".parquet" in filename.lower():
        raise ValidationError(
            "The file is called Parquet but is not a Parquet file. Export the table again.",
            code="corrupt_file",
        )
    if all(re.search(column_types.NUMBER.format(mark="[.,]"), name.strip()) for name in names):
        raise ValidationError(
            "The first row holds only numbers, so it is not a header. Add a first row with the column names.",
            code="no_header",
        )
    return Layout(delimiter, escape, skip, tuple(column_types.usable_names(names)))


def _refuse_foreign(sample, hint):
    what, advice = next(((what, do) for magic, what, do in FOREIGN if sample.startswith(magic)), (None, None))
    if sample.startswith(b"PK\x03\x04"):
        if b"xl/" in sample or b"[Content_Types].xml" in sample:
            what, advice = "an Excel workbook or another Office file", "Save the sheet as CSV and upload that"
        else:
            what, advice = (
                "a ZIP archive",
                "Upload the table in it by itself, as it is or compressed with gzip",
            )
    if MARKUP.match(sample):
        what, advice = "a web page or an XML file", "Export the table in it as CSV and upload that"
    if what:
        raise ValidationError(f"This is {what}, not a table. {advice}.", code="binary_file")
    head = sample[:DELIMITER_SAMPLE]
    odd = len(head) - len(head.translate(None, CONTROLS + b"\0"))
    if odd and not _is_utf16(sample) and (odd > max(8, len(head) / 100) or hint == "parquet"):
        code = "corrupt_file" if hint == "parquet" else "binary_file"
        raise ValidationError(
            "The file is binary data that is no table we can read. Upload CSV, TSV, Parquet or JSON lines.",
            code=code,
        )


def _is_utf16(sample):
    return any(sample.startswith(mark) for mark, _ in BYTE_ORDER_MARKS) or _utf16_order(sample) is not None


def _utf16_order(sample):
    """UTF-16 without a mark: Latin text has a NUL in every second place and none in the others."""
    head = sample[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.3 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) * 0.3 and not odd else None


def _encodings(sample):
    for mark, encoding in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return (encoding,)
    if order := _utf16_order(sample):
        return (order,)
    if sample.isascii():
        return ("utf-8", "cp1252", "latin-1")
    # Latin-1 hardly ever has the byte pairs of UTF-8: where they prevail, a bad byte is damage, not Latin-1.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    if len(re.findall(r"[^\x00-\x7f\ufffd]", text)) > text.count("\ufffd"):
        return ("utf-8",)
    return ("cp1252", "latin-1") if _is_cp1252(sample) else ("latin-1",)


def _is_cp1252(sample):
    return not any(byte in sample for byte in b"\x81\x8d\x8f\x90\x9d")


def _decode(sample, encoding):
    return codecs.getincrementaldecoder(encoding)().decode(sample, final=len(sample) < SAMPLE)


def encoding_error(encoding, line):
    name = encoding.upper().removesuffix("-SIG")
    return ValidationError(
        f"Line {line:,} is not valid {name} text. Save the file again as UTF-8.", code="encoding"
    )


def _is_json(text, hint):
    start = text.lstrip()[:200]
    if re.match(r'\{\s*(?:"|\}|$)|\[\s*(?:\{|\]|$)', start):
        return True
    if hint not in ("json", "jsonl", "ndjson"):
        return False
    if start[0] in "{[":
        return True
    try:
        json.loads(text.lstrip().partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return True


def _delimiter(head, escape, *, is_cut, hint):
    """The delimiter that splits the header and splits most records alike; "," for a single column."""
    tables = {mark: _table(head, mark, escape, is_cut) for mark in DELIMITERS}
    tables = {mark: rows for mark, rows in tables.items() if rows}
    split = [mark for mark, rows in tables.items() if len(rows[0]) > 1]
    if not split:
        return _single_column_delimiter(tables)

    def score(mark):
        rows = tables[mark]
        alike = sum(len(row) == len(rows[0]) for row in rows[1:]) / max(len(rows) - 1, 1)
        # A tie between "," and another is a decimal comma in the header's and every row's text.
        return alike > 0.5, mark == hint, round(alike, 2), mark != ",", len(rows[0])

    return max(split, key=score)


def _single_column_delimiter(tables):
    """One that does not occur, so that commas in the text or decimals stay; unless all rows split alike under
    it: then the first line is a title above a real header, and its width error says so."""
    for mark, rows in tables.items():
        width, count = Counter(len(row) for row in rows[1:]).most_common(1)[0] if rows[1:] else (1, 0)
        is_decimal = mark == "," and width == 2 and all(_is_decimal(row) for row in rows[1:])
        if count > 1 and width > 1 and count == len(rows) - 1 and not is_decimal:
            return mark
    return next((mark for mark, rows in tables.items() if all(len(row) == 1 for row in rows)), ",")


def _is_decimal(row):
    return bool(re.search(column_types.NUMBER.format(mark=","), ",".join(row).strip()))


def _table(head, mark, escape, is_cut):
    try:
        rows = [cells for _, cells in delimited.of(io.StringIO(head, newline=""), mark, escape)]
    except csv.Error:
        return []
    return rows[:-1] if is_cut and len(rows) > 1 else rows


def _header(kind, delimiter, escape):
    lines = delimited.of(io.StringIO(kind.text, newline=""), delimiter, escape)
    try:
        start, names = next(lines, (1, ()))
        is_complete = names and (kind.is_whole or sum(map(len, names)) < SAMPLE // 8)
    except csv.Error:
        is_complete = False
    if not is_complete:
        raise ValidationError(
            "The header row does not end: it is too long, or a quotation mark in it is not closed.",
            code="no_header",
        )
    return start - 1, names
