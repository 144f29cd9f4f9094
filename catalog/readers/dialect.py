"""Guess how delimited text is written: the delimiter, the escape character, and where the header is."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from catalog.readers import column_types, detection, type_inference
from catalog.readers.formats import TAB_SEPARATED
from catalog.readers.records import records

SAMPLE = 64 * 1024  # characters
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Dialect:
    """How delimited text is written: `skip` blank lines, a header with these names, then the rows."""

    delimiter: str
    escape: str | None
    skip: int
    names: tuple[str, ...]


def guess(head: detection.Head) -> Dialect:
    """The dialect of a file with this beginning. Raises ValidationError if it has no usable header."""
    sample = head.text[:SAMPLE]
    # \" followed by more of the cell escapes the quote; "C:\" followed by a delimiter does not.
    escape = "\\" if re.search(r'\\"[^"\r\n,;\t|]', sample) else None
    hint = "\t" if head.extension in TAB_SEPARATED else ""
    is_cut = len(sample) < len(head.text) or not head.is_whole_file
    delimiter = _delimiter(sample, escape, is_cut=is_cut, hint=hint)
    skip, names = _header(head, delimiter, escape)
    if len(names) == 1 and ".parquet" in head.filename.lower():
        raise ValidationError(
            "The file is named .parquet but is not a Parquet file. Export the table again.",
            code="corrupt_file",
        )
    if all(type_inference.is_number(name.strip(), decimal=".,") for name in names):
        raise ValidationError(
            "The first row contains only numbers, so it is not a header. Add a first row with the column names.",
            code="no_header",
        )
    return Dialect(delimiter, escape, skip, tuple(column_types.usable_names(names)))


def _delimiter(sample, escape, *, is_cut, hint):
    """The delimiter that splits the header and splits most records alike; "," for a single column."""
    tables = {mark: _rows(sample, mark, escape, is_cut) for mark in DELIMITERS}
    tables = {mark: rows for mark, rows in tables.items() if rows}
    candidates = [mark for mark, rows in tables.items() if len(rows[0]) > 1]
    if not candidates:
        return _single_column_delimiter(tables, hint)

    def score(mark):
        rows = tables[mark]
        share = sum(len(row) == len(rows[0]) for row in rows[1:]) / max(len(rows) - 1, 1)
        # If "," ties with another, it is a decimal comma in the header and in every row.
        return share > 0.5, mark == hint, round(share, 2), mark != ",", len(rows[0])

    return max(candidates, key=score)


def _single_column_delimiter(tables, hint):
    """One that does not occur, so that commas in text or decimals are kept; unless all rows split alike by it:
    then the first line is a title above the header, and the error about its width says so."""
    for mark, rows in tables.items():
        width, count = Counter(len(row) for row in rows[1:]).most_common(1)[0] if rows[1:] else (1, 0)
        is_decimal = mark == "," and width == 2 and all(_is_decimal(row) for row in rows[1:])
        if count > 1 and width > 1 and count == len(rows) - 1 and not is_decimal:
            return mark
    absent = [mark for mark, rows in tables.items() if all(len(row) == 1 for row in rows)]
    return hint if hint in absent else next(iter(absent), ",")


def _is_decimal(row):
    return type_inference.is_number(",".join(row).strip(), decimal=",")


def _rows(sample, mark, escape, is_cut):
    try:
        rows = [cells for _, cells in records(io.StringIO(sample, newline=""), mark, escape)]
    except csv.Error:
        return []
    return rows[:-1] if is_cut and len(rows) > 1 else rows


def _header(head, delimiter, escape):
    """The number of blank lines above the header, and its cells."""
    rows = records(io.StringIO(head.text, newline=""), delimiter, escape)
    try:
        start, names = next(rows, (1, ()))
        is_complete = names and (head.is_whole_file or sum(map(len, names)) < detection.HEAD_BYTES // 8)
    except csv.Error:
        is_complete = False
    if not is_complete:
        raise ValidationError(
            "The header row does not end: it is too long, or it has an unclosed quotation mark.",
            code="no_header",
        )
    return start - 1, names
