"""Apply what a user has set for columns, their names and types, to what was detected in a file."""

import difflib
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields, replace
from typing import BinaryIO

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.readers.cells import column_types
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.cells.column_types import Column
from catalog.readers.corrections import ColumnCorrection, Corrections
from catalog.readers.recipe import ParseRecipe, Reading

KINDS = {"integer": "an integer", "number": "a number", "boolean": "true or false", "date": "a date"}
FAULTS = (pa.ArrowInvalid, pa.ArrowNotImplementedError)


def applied(file: BinaryIO, reading: Reading, corrections: Corrections, reader) -> Reading:
    """The reading with the names and types that are set for its columns.

    Reads the file again if a type is set that was not detected. Raises ValidationError by field for a column that the
    file does not have, a name that another one has, and a value that its column cannot have.
    """
    if not corrections.columns:
        return reading
    detected = {column.name: column for column in reading.recipe.columns}
    _check_sources(corrections.columns, detected)
    by_source = {correction.source: correction for correction in corrections.columns}
    columns = [_corrected(column, by_source.get(column.name)) for column in detected.values()]
    try:
        column_types.usable_names([column.name for column in columns])
    except ValidationError as error:
        raise ValidationError({"columns": error}) from error
    recipe = replace(reading.recipe, columns=tuple(columns))
    changed = [
        column
        for column, old in zip(columns, detected.values(), strict=True)
        if (column.type, column.format) != (old.type, old.format) and column.type != "text"
    ]
    if changed:
        _check_values(file, recipe, changed, reader)
    return replace(reading, recipe=recipe)


def _check_sources(corrections: tuple[ColumnCorrection, ...], detected: dict[str, Column]) -> None:
    for correction in corrections:
        if correction.source not in detected:
            near = difflib.get_close_matches(correction.source, detected, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise _error(f"The file has no column `{correction.source}`.{hint}", "unknown_column")


def _corrected(column: Column, correction: ColumnCorrection | None) -> Column:
    if correction is None:
        return column
    name = (correction.name or column.name).strip()
    return replace(
        column,
        name=name,
        source=None if name == column.name else column.source or column.name,
        type=correction.type or column.type,
        role=correction.role,
        format=_format(column.format, correction.format),
    )


def _format(detected: CellFormat | None, corrected: CellFormat | None) -> CellFormat | None:
    """The detected format of cells with what is set of the other."""
    if corrected is None:
        return detected
    fixed = {
        field.name: value
        for field in fields(corrected)
        if (value := getattr(corrected, field.name)) not in (None, ())
    }
    if corrected.missing == ():
        fixed["missing"] = ()
    merged = replace(detected or CellFormat(), **fixed)
    return None if merged == CellFormat() else merged


def _check_values(file: BinaryIO, recipe: ParseRecipe, columns: list[Column], reader) -> None:
    """Raise ValidationError for the first value that its column cannot have, with its line."""
    row = 0
    with closing(reader.batches(file, recipe, columns)) as batches:
        for batch in batches:
            for column, values in zip(columns, batch.columns, strict=True):
                place = _first_misfit(values, lambda part, column=column: reader.typed(part, column, recipe))
                if place is not None:
                    value = str(values[place].as_py())
                    raise _misfit(column, value, reader.line_of(file, recipe, row + place), row + place + 1)
            row += batch.num_rows


def _first_misfit(values: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> int | None:
    """The position of the first value that cannot be converted."""
    if _fits(values, convert):
        return None
    start, stop = 0, len(values)  # the first misfit is in between
    while stop - start > 1:
        middle = (start + stop) // 2
        if _fits(values.slice(start, middle - start), convert):
            start = middle
        else:
            stop = middle
    return start


def _fits(values, convert) -> bool:
    try:
        convert(values)
    except FAULTS:
        return False
    return True


def _misfit(column: Column, value: str, line: int | None, row: int) -> ValidationError:
    where = f"Line {line:,}" if line else f"Row {row:,}"
    return _error(
        f"{where}: `{value[:100]}` in column `{column.source or column.name}` is not {KINDS[column.type]}. Set another "
        "type, or correct the file.",
        "wrong_type",
    )


def _error(sentence: str, code: str) -> ValidationError:
    return ValidationError({"columns": ValidationError(sentence, code=code)})
