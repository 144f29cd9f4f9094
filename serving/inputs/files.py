"""Table files as typed rows of a model: their columns by name, by the same rules as everything else.

Whole columns are read at once where that cannot but agree with the rules; what is doubtful is left to them.
"""

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers import column_types as catalog_columns
from catalog.readers.tables import ParseRecipe
from serving.inputs import cell_rules
from serving.inputs.reader import Reader, TypedRows

THOUSANDS = r"^\s*[+-]?[0-9]{1,3}(\.[0-9]{3})+\s*$"
GAPS = pa.array(catalog_columns.MISSING)


def part(batch: pa.RecordBatch, reader: Reader, *, recipe: ParseRecipe, first: int = 1) -> TypedRows:
    """The signature's columns of a part of a file, as tables.stored() gives it; other columns are ignored.

    What the cells of a text file are, the signature says. `first` is the number of the part's first row. Raises
    ValidationError by row and column.
    """
    known = [column for column in recipe.columns if column.name in reader.known]
    if recipe.format != "csv":
        return typed(_frame(batch, known), reader, first=first, count=batch.num_rows)
    texts = {column.name: batch.column(column.name) for column in known}
    if recipe.decimal == ",":
        for column in reader.inputs:
            if column["type"] == "number" and column["name"] in texts:
                texts[column["name"]] = _with_points(texts[column["name"]])
    return _read(_Texts(texts), batch.num_rows, reader, first)


def _with_points(texts: pa.Array) -> pa.Array:
    """Numbers of a file with decimal commas; 5.000 is most likely five thousand there, so it is no number."""
    numbers = pc.replace_substring(texts, ",", ".")
    return pc.if_else(pc.match_substring_regex(texts, THOUSANDS), pa.scalar("thousands"), numbers)


def _frame(batch: pa.RecordBatch, columns: list[catalog_columns.Column]) -> pandas.DataFrame:
    arrays = {
        column.name: catalog_columns.from_arrow(batch.column(column.name), column) for column in columns
    }
    return pandas.DataFrame(
        {column.name: catalog_columns.to_pandas(arrays[column.name], column) for column in columns}
    )


def typed(frame: pandas.DataFrame, reader: Reader, *, first: int = 1, count: int | None = None) -> TypedRows:
    """The signature's columns of a frame that has a type for each; `count` is for one without any column."""
    series = {name: frame[name] for name in reader.names if name in frame.columns}
    return _read(_Typed(series), len(frame) if count is None else count, reader, first)


class _Doubtful(Exception):
    """A column may not be what it looks like as a whole: the rules shall read it cell by cell."""


class _Texts:
    """Columns of cells as they are written."""

    rules = cell_rules.TEXT

    def __init__(self, columns: dict[str, pa.Array]):
        self.columns = columns

    def numbers(self, name: str) -> np.ndarray:
        """As cell_rules.number_of: Arrow takes fewer texts for a number than Python, and those for the same."""
        try:
            numbers = pc.cast(_gaps_are_null(pc.ascii_trim_whitespace(self.columns[name])), pa.float64())
        except pa.ArrowInvalid:
            raise _Doubtful from None
        values = numbers.to_numpy(zero_copy_only=False)
        if np.count_nonzero(~np.isfinite(values)) != numbers.null_count:
            raise _Doubtful
        return values

    def dates(self, name: str) -> np.ndarray:
        return self.rules.dates([self.listed(name)], len(self.columns[name]))[:, 0]

    def texts(self, name: str) -> list:
        return _gaps_are_null(self.columns[name]).to_pylist()

    def listed(self, name: str) -> list:
        return self.columns[name].to_pylist()


def _gaps_are_null(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_in(texts, GAPS), pa.scalar(None, pa.string()), texts)


class _Typed:
    """Columns of values."""

    rules = cell_rules.JSON

    def __init__(self, columns: dict[str, pandas.Series]):
        self.columns = columns

    def numbers(self, name: str) -> np.ndarray:
        series = self.columns[name]
        if series.dtype.kind not in "iuf":
            raise _Doubtful
        values = series.astype("float64").to_numpy()
        if np.isinf(values).any():
            raise _Doubtful
        return values

    def dates(self, name: str) -> np.ndarray:
        if self.columns[name].dtype.kind != "M":
            raise _Doubtful
        return self.columns[name].to_numpy("M8[us]")

    def texts(self, name: str) -> list:
        return self.rules.texts(self.listed(name))

    def listed(self, name: str) -> list:
        series = self.columns[name]
        if series.dtype.kind == "M":
            return [None if moment is pandas.NaT else moment.isoformat() for moment in series]
        return series.astype(object).where(series.notna(), None).tolist()


def _read(source: _Texts | _Typed, count: int, reader: Reader, first: int) -> TypedRows:
    try:
        return _whole(source, count, reader)
    except (_Doubtful, cell_rules.Wrong):
        columns = {name: source.listed(name) for name in source.columns}
        return reader.from_columns(columns, count, rules=source.rules, first=first)


def _whole(source: _Texts | _Typed, count: int, reader: Reader) -> TypedRows:
    if len(source.columns) < len(reader.names):
        raise _Doubtful
    groups = {group: [reader.inputs[place] for place in places] for group, places in reader.groups.items()}
    numbers = np.empty((count, len(groups["numbers"])))
    for place, column in enumerate(groups["numbers"]):
        numbers[:, place] = values = source.numbers(column["name"])
        if column["type"] == "integer" and not ((values == np.floor(values)) | np.isnan(values)).all():
            raise _Doubtful
    dates = np.empty((count, len(groups["dates"])), dtype="M8[us]")
    for place, column in enumerate(groups["dates"]):
        dates[:, place] = source.dates(column["name"])
    text = [
        source.texts(column["name"])
        if column["type"] == "text"
        else source.rules.booleans(source.listed(column["name"]))
        for column in groups["text"]
    ]
    return TypedRows(reader.inputs, count, numbers, dates, text)
