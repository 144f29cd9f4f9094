"""Read the columns of table files as typed rows of a model, by the same rules as every other input.

Whole columns are converted at once if the result is certain to agree with the cell rules; any other is read by them.
"""

import re

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.compute as pc
from django.core.exceptions import ValidationError

from catalog.readers import column_names
from catalog.readers.cells import column_types, conversion, missing
from catalog.readers.tables import ParseRecipe, Reading
from serving.inputs import cell_rules
from serving.inputs.cell_formats import InputFormat
from serving.inputs.reader import Reader, TypedRows

THOUSANDS = r"^\s*[+-]?[0-9]{1,3}(\.[0-9]{3})+\s*$"
MISSING_TEXTS = pa.array(missing.MISSING)


def model_names(names: list[str], reader: Reader) -> list[str]:
    """The names of a header as the model knows them.

    Version 0.1 named the empty header of the first column `column_1`, and `Unnamed: 0` is its name now.
    """
    earlier = {f"Unnamed: {index}": f"column_{index + 1}" for index in range(len(names))}
    # Before version 0.2, no-break spaces stayed in names.
    earlier |= {cleaned: name for name in reader.names if (cleaned := column_names.cleaned(name)) != name}
    absent = reader.name_set.difference(names)
    return [
        earlier[name] if name not in reader.name_set and earlier.get(name) in absent else name
        for name in names
    ]


def check_duplicates(reading: Reading, reader: Reader) -> None:
    """Raise ValidationError if a file has an input of the model twice, and the model only one: which is unknown."""
    if not any(finding.code == "duplicate_columns" for finding in reading.findings):
        return
    for name in reading.recipe.names:
        original = re.sub(r"\.[0-9]+$", "", name)
        if name not in reader.name_set and original != name and original in reader.name_set:
            raise ValidationError(
                f"The file has the column `{original}` twice. Remove or rename one of them.",
                code="duplicate_columns",
            )


def has_leading_spaces(reader: Reader) -> bool:
    """Whether the texts of a column start with a space: version 0.1 kept the spaces after delimiters."""
    categories = [column["categories"] for column in reader.inputs if column.get("categories")]
    return any(all(str(value).startswith(" ") for value in values) for values in categories)


def from_batch(batch: pa.RecordBatch, reader: Reader, *, recipe: ParseRecipe, first: int = 1) -> TypedRows:
    """The signature's columns of a part of a file, as the catalog reads it; other columns are ignored.

    The signature decides the types of text cells. `first` is the number of the part's first row. Raises ValidationError
    with row and column.
    """
    reader.check_names(recipe.names)
    columns = [column for column in recipe.columns if column.name in reader.name_set]
    if recipe.format != "csv":
        return from_frame(_frame(batch, columns), reader, first=first, count=batch.num_rows)
    texts = {column.name: batch.column(column.name) for column in columns}
    forms = _forms(reader)
    if recipe.decimal == ",":
        for column in reader.inputs:
            name = column["name"]
            if column["type"] == "number" and name in texts and not (forms and forms[name].has_decimal):
                texts[name] = _with_decimal_points(texts[name])
    source = _FormattedColumns(texts, forms) if forms else _TextColumns(texts)
    return _read(source, batch.num_rows, reader, first)


def _forms(reader):
    """The format of each input by its name; none for a signature of an earlier version."""
    return {form.column.name: form for form in reader.formats or ()}


def _with_decimal_points(texts: pa.Array) -> pa.Array:
    """Replace decimal commas. 5.000 is most likely five thousand in such a file, so it becomes an invalid number."""
    numbers = pc.replace_substring(texts, ",", ".")
    return pc.if_else(pc.match_substring_regex(texts, THOUSANDS), pa.scalar("thousands"), numbers)


def _frame(batch: pa.RecordBatch, columns: list[column_types.Column]) -> pandas.DataFrame:
    arrays = {column.name: conversion.from_arrow(batch.column(column.name), column) for column in columns}
    return pandas.DataFrame(
        {column.name: column_types.to_pandas(arrays[column.name], column) for column in columns}
    )


def from_frame(
    frame: pandas.DataFrame, reader: Reader, *, first: int = 1, count: int | None = None
) -> TypedRows:
    """The signature's columns of a frame with typed columns; `count` is needed if it has no columns."""
    series = {name: frame[name] for name in reader.names if name in frame.columns}
    source = _TypedColumns(series, _forms(reader))
    return _read(source, len(frame) if count is None else count, reader, first)


class _Uncertain(Exception):
    """A column cannot be converted as a whole with certainty: the cell rules must read it."""


class _TextColumns:
    """Columns of unparsed text."""

    rules = cell_rules.TEXT

    def __init__(self, columns: dict[str, pa.Array]):
        self.columns = columns

    def numbers(self, name: str) -> np.ndarray:
        """Like cell_rules.parse_number: Arrow parses fewer texts than Python, and those to the same number."""
        try:
            numbers = pc.cast(_with_nulls(pc.ascii_trim_whitespace(self.columns[name])), pa.float64())
        except pa.ArrowInvalid:
            raise _Uncertain from None
        values = numbers.to_numpy(zero_copy_only=False)
        if np.count_nonzero(~np.isfinite(values)) != numbers.null_count:
            raise _Uncertain
        return values

    def dates(self, name: str) -> np.ndarray:
        return self.rules.dates([self.to_list(name)], len(self.columns[name]))[:, 0]

    def texts(self, name: str) -> list:
        return _with_nulls(self.columns[name]).to_pylist()

    def booleans(self, name: str) -> list:
        return self.rules.booleans(self.to_list(name))

    def to_list(self, name: str) -> list:
        return self.columns[name].to_pylist()


class _FormattedColumns:
    """Columns of unparsed text that are written as the training data."""

    rules = cell_rules.TEXT

    def __init__(self, columns: dict[str, pa.Array], forms: dict[str, InputFormat]):
        self.columns, self.forms = columns, forms

    def numbers(self, name: str) -> np.ndarray:
        numbers = self._typed(name)
        values = numbers.to_numpy(zero_copy_only=False)
        if np.count_nonzero(~np.isfinite(values)) != numbers.null_count:
            raise _Uncertain
        return values

    def dates(self, name: str) -> np.ndarray:
        return self._typed(name).to_numpy(zero_copy_only=False)

    def texts(self, name: str) -> list:
        return self._typed(name).to_pylist()

    booleans = texts

    def _typed(self, name):
        return self.forms[name].typed(self.columns[name])

    def to_list(self, name: str) -> list:
        return self.columns[name].to_pylist()


def _with_nulls(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_in(texts, MISSING_TEXTS), pa.scalar(None, pa.string()), texts)


class _TypedColumns:
    """Columns of typed values."""

    rules = cell_rules.JSON

    def __init__(self, columns: dict[str, pandas.Series], forms: dict[str, InputFormat] | None = None):
        self.columns, self.forms = columns, forms

    def numbers(self, name: str) -> np.ndarray:
        series = self.columns[name]
        if series.dtype.kind not in "iuf":
            raise _Uncertain
        values = series.astype("float64").to_numpy()
        if np.isinf(values).any():
            raise _Uncertain
        return values

    def dates(self, name: str) -> np.ndarray:
        if self.columns[name].dtype.kind != "M":
            raise _Uncertain
        return self.columns[name].to_numpy("M8[us]")

    def texts(self, name: str) -> list:
        values = self.to_list(name)
        return self.rules.texts(self.forms[name].from_json(values) if self.forms else values)

    def booleans(self, name: str) -> list:
        return self.rules.booleans(self.to_list(name))

    def to_list(self, name: str) -> list:
        series = self.columns[name]
        if series.dtype.kind == "M":
            return [None if moment is pandas.NaT else moment.isoformat() for moment in series]
        return series.astype(object).where(series.notna(), None).tolist()


def _read(
    source: _TextColumns | _FormattedColumns | _TypedColumns, count: int, reader: Reader, first: int
) -> TypedRows:
    try:
        return _convert_columns(source, count, reader)
    except (_Uncertain, cell_rules.InvalidCell):
        columns = {name: source.to_list(name) for name in source.columns}
        return reader.from_columns(columns, count, rules=source.rules, first=first)


def _convert_columns(
    source: _TextColumns | _FormattedColumns | _TypedColumns, count: int, reader: Reader
) -> TypedRows:
    if len(source.columns) < len(reader.names):
        raise _Uncertain
    groups = {group: [reader.inputs[index] for index in indices] for group, indices in reader.groups.items()}
    numbers = np.empty((count, len(groups["numbers"])))
    for index, column in enumerate(groups["numbers"]):
        numbers[:, index] = values = source.numbers(column["name"])
        if column["type"] == "integer" and not ((values == np.floor(values)) | np.isnan(values)).all():
            raise _Uncertain
    dates = np.empty((count, len(groups["dates"])), dtype="M8[us]")
    for index, column in enumerate(groups["dates"]):
        dates[:, index] = source.dates(column["name"])
    text = [
        source.texts(column["name"]) if column["type"] == "text" else source.booleans(column["name"])
        for column in groups["text"]
    ]
    return TypedRows(reader.inputs, count, numbers, dates, text)
