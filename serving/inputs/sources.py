"""Rows as callers send them, before the model is known: each source converts itself with the reader of a model."""

import csv
import io
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.readers import column_names, tables
from catalog.readers.cells import column_types
from mlplatform import json_parser
from mlplatform.errors import TooLarge
from serving.inputs import cell_rules, files
from serving.inputs.reader import Reader, TypedRows

CSV_COSTS = {b",": 72, b"\n": 144, b"\r": 144}  # a cell and its place; the first cell of a row and its list
MAX_PARQUET_ROWS = 500_000  # a few kilobytes can hold millions of rows


def invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid_input")


class RowSource(Protocol):
    def to_typed(self, reader: Reader) -> TypedRows:
        """The rows as typed by a signature. Raises ValidationError."""


@dataclass(frozen=True)
class Rows:
    """Rows as JSON values: lists in the signature's order, or objects keyed by column name."""

    rows: list

    def to_typed(self, reader: Reader) -> TypedRows:
        return reader.from_rows(self.rows)


@dataclass(frozen=True)
class Columns:
    """Columns by name; those that the model does not have are ignored."""

    columns: dict
    count: int

    def to_typed(self, reader: Reader) -> TypedRows:
        if not self.columns and not self.count:
            return reader.from_rows([])
        return reader.from_columns(self.columns, self.count)


@dataclass(frozen=True)
class Records:
    """Rows as objects; an absent key is a missing value, and columns that the model does not have are ignored."""

    rows: list[dict]

    def to_typed(self, reader: Reader) -> TypedRows:
        if not self.rows:
            return reader.from_rows([])
        names = {name for row in self.rows for name in reader.name_set.intersection(row)}
        columns = {name: [row.get(name) for row in self.rows] for name in names}
        return reader.from_columns(columns, len(self.rows))


@dataclass(frozen=True)
class CsvText:
    """CSV in UTF-8. Columns are matched by name if the first row has a column of the model."""

    content: bytes

    def to_typed(self, reader: Reader) -> TypedRows:
        json_parser.check_memory(self.content, CSV_COSTS)
        try:
            text = io.StringIO(self.content.decode("utf-8-sig"), newline="")
            rows = [row for row in csv.reader(text, strict=True) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise invalid("The body is not valid CSV in UTF-8.") from error
        if rows and set(rows[0]) & reader.name_set:
            header = files.model_names(
                column_types.fill_empty_names(list(map(column_names.cleaned, rows[0]))), reader
            )
            rows = rows[1:]
            for number, row in enumerate(rows, start=1):
                if len(row) != len(header):
                    raise invalid(f"Row {number:,} has {len(row):,} values; the header has {len(header):,}.")
            columns = columns_by_name(header, rows)
            return reader.from_columns(columns, len(rows), rules=cell_rules.TEXT)
        if not rows:
            raise invalid("The body is empty. Send rows, or a header alone for an empty result.")
        return reader.from_rows(rows, rules=cell_rules.TEXT)


@dataclass(frozen=True)
class ParquetBytes:
    """A Parquet file of up to MAX_PARQUET_ROWS rows; columns that the model does not have are ignored."""

    content: bytes

    def to_typed(self, reader: Reader) -> TypedRows:
        file = io.BytesIO(self.content)
        if not self.content.startswith(b"PAR1"):
            raise invalid("The body is not a Parquet file.")
        max_bytes = settings.MAX_REQUEST_MB * 16 * 1024**2
        reading = tables.detect(file, "body.parquet", max_bytes=max_bytes, rows_required=False)
        rows, recipe = reading.rows, reading.recipe
        if rows > MAX_PARQUET_ROWS:
            raise TooLarge(
                f"The Parquet body has {rows:,} rows; the limit is {MAX_PARQUET_ROWS:,} rows. "
                "Send larger tables to /predict/file.",
                code="too_large",
            )
        columns = [column.name for column in recipe.columns if column.name in reader.name_set]
        return files.from_frame(tables.read(file, recipe, columns=columns), reader, count=rows)


def columns_by_name(names: list[str], rows: list[list]) -> dict:
    """Transpose rows. Raises ValidationError if two columns have the same name: neither can be preferred."""
    if len(set(names)) != len(names):
        raise invalid("Column names must be unique.")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return dict(zip(names, columns, strict=True))
