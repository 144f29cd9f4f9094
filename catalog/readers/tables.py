"""Read table files: detect the parse recipe of a file, then read the file by it.

Other packages read tables only through this module. To add a format, add a module with the functions of `Reader`
and a line in `formats.FORMATS`.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from typing import BinaryIO, Protocol

import pandas as pd
import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.readers import archives, column_names, detection, streams
from catalog.readers.cells import column_types, numbers
from catalog.readers.cells.column_types import Column
from catalog.readers.correcting import columns as column_corrections
from catalog.readers.corrections import UNCORRECTED, Corrections
from catalog.readers.formats import FORMATS
from catalog.readers.recipe import Finding, ParseRecipe, Reading

__all__ = [
    "Column",
    "Corrections",
    "Finding",
    "ParseRecipe",
    "Reading",
    "chunks",
    "detect",
    "format_of",
    "frame",
    "raw_batches",
    "read",
    "typed",
    "typed_batches",
]

CHUNK_ROWS = 50_000
MANY_COLUMNS = 50  # a call for each costs more than the cells of few rows


class Reader(Protocol):
    """What the module of a format provides. Its record batches are small, whatever the file decompresses to."""

    def matches(self, head: detection.Head) -> bool:
        """Whether a file with this beginning has the format."""

    def detect(self, file: BinaryIO, head: detection.Head, *, max_bytes: int) -> Reading:
        """Reads the whole file. Raises ValidationError for any fault."""

    def batches(
        self, file: BinaryIO, recipe: ParseRecipe, columns: Sequence[Column]
    ) -> Iterator[pa.RecordBatch]:
        """Yields these columns, in this order, with the values that `typed` converts."""

    def typed(self, values: pa.Array, column: Column, recipe: ParseRecipe) -> pa.Array:
        """The values of a batch as an array of the column's type."""

    def line_of(self, file: BinaryIO, recipe: ParseRecipe, row: int) -> int | None:
        """The line of a row, which is counted from 0; None if the format has no lines."""

    def raw_batches(self, file: BinaryIO, recipe: ParseRecipe) -> Iterator[pa.RecordBatch]:
        """Yields all columns with the values as written in the file; of a file without rows, one empty batch."""


READERS: dict[str, Reader] = {
    name: import_module(f"catalog.readers.{form.module}") for name, form in FORMATS.items()
}


def detect(
    file: BinaryIO,
    filename: str,
    *,
    corrections: Corrections = UNCORRECTED,
    max_bytes: int | None = None,
    rows_required: bool = True,
    observer: detection.Observer | None = None,
) -> Reading:
    """The parse recipe of a table file, detected from its content, its number of rows, and what was assumed.

    What the corrections set is kept, and the rest is detected around it. Reads the file once, twice if they set the
    type of a column, in constant memory, and leaves it open. Raises ValidationError for any fault in the file, by field
    for a correction that does not fit it, if it decompresses to more than `max_bytes` or unpacked_limit(), and, with
    `rows_required`, for a header without rows.
    """
    head = replace(detection.read_head(file, filename, corrections=corrections), observer=observer)
    file = archives.chosen(file, corrections.member)
    max_bytes = max_bytes or streams.unpacked_limit(file, head.compression)
    reader = _reader(head)
    reading = reader.detect(file, head, max_bytes=max_bytes)
    if head.compression == "zip" and not corrections.member and (names := archives.left_out(file)):
        sentence = f"The ZIP archive has other files beside the table: {column_names.listed(names)} left out."
        reading = replace(reading, findings=(Finding("several_files", sentence), *reading.findings))
    if (fixed := column_corrections.completed(corrections, reading)) != corrections:
        head, corrections = replace(head, corrections=fixed), fixed
        reading = reader.detect(file, head, max_bytes=max_bytes)
    if not reading.recipe.columns or (rows_required and not reading.rows):
        raise ValidationError(
            "The file has no data rows. A table needs column names and at least one row.",
            code="no_rows",
        )
    reading = column_corrections.applied(file, reading, corrections, reader)
    return replace(reading, recipe=replace(reading.recipe, member=corrections.member))


def format_of(file: BinaryIO, filename: str) -> str:
    """The format of a file by its beginning. Raises ValidationError if it cannot be a table."""
    head = detection.read_head(file, filename)
    return next(name for name, reader in READERS.items() if reader.matches(head))


def chunks(
    file: BinaryIO, recipe: ParseRecipe, *, columns: Sequence[str] | None = None, rows: int = CHUNK_ROWS
) -> Iterator[pd.DataFrame]:
    """Yields the table as typed frames of at most `rows` rows; chunks of wide tables and long texts are smaller.

    `columns` selects and orders the columns; raises ValidationError for a name that the file does not have. A
    column has the same dtype in every chunk: int64 or Int64, float64, bool or boolean, str, datetime64[us]
    without a zone (UTC).
    """
    selected = _selected(recipe, columns)
    for batch in typed_batches(file, recipe, columns=columns, rows=rows):
        yield frame(batch, selected)


def typed_batches(
    file: BinaryIO, recipe: ParseRecipe, *, columns: Sequence[str] | None = None, rows: int = CHUNK_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yields the table as `chunks` does, as Arrow batches with the types of `column_types.ARROW_TYPES`."""
    selected = _selected(recipe, columns)
    file = archives.chosen(file, recipe.member)
    with closing(READERS[recipe.format].batches(file, recipe, selected)) as batches:
        for batch in batches:
            yield from typed(batch.columns, recipe, selected, rows=rows)


def typed(
    cells: Sequence[pa.Array],
    recipe: ParseRecipe,
    columns: Sequence[Column],
    *,
    rows: int = CHUNK_ROWS,
    parsed: Sequence[pa.Array | None] = (),
) -> Iterator[pa.RecordBatch]:
    """Yields the cells of these columns, as the format's reader has them, in batches of typed values.

    `parsed` has what the inference made of the cells of some columns; it is used if the recipe says the same.
    """
    reader, names = READERS[recipe.format], [column.name for column in columns]
    done = {
        place: values
        for place, (values, column) in enumerate(zip(parsed, columns, strict=False))
        if _is_typed(values, column, recipe)
    }
    for start in range(0, len(cells[0]) if cells else 0, rows):
        parts = [values.slice(start, rows) for values in cells]
        arrays = {place: values.slice(start, rows) for place, values in done.items()}
        arrays |= _plain_numbers(parts, columns, recipe, arrays)
        for place, column in enumerate(columns):
            if place not in arrays:
                arrays[place] = reader.typed(parts[place], column, recipe)
        yield pa.RecordBatch.from_arrays([arrays[place] for place in range(len(columns))], names)


def _is_typed(values, column, recipe):
    if values is None or column.format is not None or recipe.decimal != ".":
        return False
    return values.type == column_types.ARROW_TYPES[column.type]


def _plain_numbers(parts, columns, recipe, arrays):
    """The plain numbers of many columns, beside the arrays that are there, by place: converted in one call."""
    found, size = {}, len(parts[0])
    if len(columns) < MANY_COLUMNS or recipe.decimal not in (None, "."):
        return found
    for kind in ("integer", "number"):
        places = [
            place
            for place, column in enumerate(columns)
            if column.type == kind and column.format is None and pa.types.is_string(parts[place].type)
        ]
        places = [place for place in places if place not in arrays]
        together = pa.concat_arrays([parts[place] for place in places]) if places else None
        if places and (values := numbers.plain(together, column_types.ARROW_TYPES[kind])) is not None:
            found |= {place: values.slice(at * size, size) for at, place in enumerate(places)}
    return found


def read(
    file: BinaryIO, recipe: ParseRecipe, *, columns: Sequence[str] | None = None, limit: int | None = None
) -> pd.DataFrame:
    """The table as one typed frame (see `chunks`); with `limit`, its first rows, without reading further."""
    selected = _selected(recipe, columns)
    frames, left = [], limit
    size = min(limit or CHUNK_ROWS, CHUNK_ROWS)
    with closing(chunks(file, recipe, columns=columns, rows=size)) as parts:
        while left != 0 and (part := next(parts, None)) is not None:
            frames.append(part if left is None else part.head(left))
            left = None if left is None else left - len(frames[-1])
    if not frames:
        return _frame((column, pa.array([], column_types.ARROW_TYPES[column.type])) for column in selected)
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def row_count(file: BinaryIO, recipe: ParseRecipe) -> int | None:
    """The rows of a file of which that is known without reading it: an uncompressed Parquet file."""
    is_known = recipe.format == "parquet" and recipe.compression is None
    return READERS["parquet"].row_count(file) if is_known else None


def raw_batches(file: BinaryIO, recipe: ParseRecipe, *, rows: int = CHUNK_ROWS) -> Iterator[pa.RecordBatch]:
    """Yields the table without type conversion: the cells of delimited text as written, Parquet values as stored.

    Parquet batches include the index columns that pandas adds, which are not columns of the table. A table without
    rows is one empty batch.
    """
    file = archives.chosen(file, recipe.member)
    with closing(READERS[recipe.format].raw_batches(file, recipe)) as batches:
        for batch in batches:
            for start in range(0, max(batch.num_rows, 1), rows):
                yield batch.slice(start, rows)


def _reader(head: detection.Head) -> Reader:
    name = head.corrections.format
    if name is None:
        return next(reader for reader in READERS.values() if reader.matches(head))
    if FORMATS[name].is_text or READERS[name].matches(head):
        return READERS[name]
    raise ValidationError(
        {"format": ValidationError(f"The file is not {FORMATS[name].label}.", code="wrong_format")}
    )


def frame(batch: pa.RecordBatch, columns: Sequence[Column]) -> pd.DataFrame:
    """A batch of these columns as a frame with the dtypes of `chunks`."""
    return _frame(zip(columns, batch.columns, strict=True))  # a look-up by name is a linear search


def _selected(recipe, names):
    if names is None:
        return recipe.columns
    by_name = {column.name: column for column in recipe.columns}
    for name in names:
        if name not in by_name:
            raise ValidationError(f"The file has no column `{name[:200]}`.", code="unknown_column")
    return tuple(by_name[name] for name in names)


def _frame(arrays):
    return pd.DataFrame(
        {column.name: column_types.to_pandas(values, column) for column, values in arrays}, copy=False
    )
