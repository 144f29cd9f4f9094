"""Delimited text for spreadsheets: with an apostrophe in front of formulas, as in mlplatform.lists.csv_export."""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from django.core.exceptions import ValidationError

from catalog.readers import streams, tables
from catalog.readers.cells.column_types import Column
from catalog.readers.formats import written_delimiter
from catalog.readers.recipe import ParseRecipe
from mlplatform.lists.csv_export import FORMULA, MARK, NUMBER


def check(form: str) -> None:
    """Raise ValidationError for a file that is not delimited text."""
    if form != "csv":
        raise ValidationError(
            "Only CSV files can be downloaded for spreadsheets. Leave out `spreadsheet`.", code="not_csv"
        )


def written_by_us(file: BinaryIO, delimiter: str) -> ParseRecipe:
    """The recipe of a result of a scoring job, from its header."""
    delimiter = written_delimiter(delimiter)
    with closing(streams.decoded(file, None, "utf-8-sig")) as stream:
        header = next(csv.reader(io.TextIOWrapper(stream, newline=""), delimiter=delimiter))
    columns = tuple(Column(name, "text", nullable=True) for name in header)
    return ParseRecipe("csv", None, "utf-8-sig", delimiter, ".", skip=0, columns=columns)


def blocks(file: BinaryIO, recipe: ParseRecipe) -> Iterator[bytes]:
    """The file as UTF-8 with a byte order mark, without formulas. Closes the file."""
    delimiter = written_delimiter(recipe.delimiter)
    with file:
        yield MARK + _lines([_as_text(pa.array(recipe.names))], delimiter, is_header=True)
        for batch in tables.raw_batches(file, recipe):
            yield _lines([_as_text(column) for column in batch.columns], delimiter)


def safe(values: pa.Array) -> pa.Array:
    """Texts with an apostrophe in front of those that would be formulas."""
    is_formula = pc.match_substring_regex(values, FORMULA)
    if not pc.any(is_formula).as_py():
        return values
    is_formula = pc.and_not(is_formula, pc.match_substring_regex(values, NUMBER))
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", values, ""), values)


def _as_text(values: pa.Array) -> list[str]:
    return safe(values).to_pylist()


def _lines(columns: list[list[str]], delimiter: str, *, is_header: bool = False) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(columns if is_header else zip(*columns, strict=True))
    return text.getvalue().encode()
