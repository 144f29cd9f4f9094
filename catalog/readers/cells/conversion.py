"""Convert the cells of a column from text to typed values, as its format says: the same everywhere."""

import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import booleans, dates, missing, numbers
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.cells.column_types import ARROW_TYPES, Column, kind_of

DEFAULT = CellFormat()


class InvalidCell(pa.ArrowInvalid):
    """A cell cannot be read as its column's type: its place in the array, and its text."""

    def __init__(self, place: int, text: str):
        super().__init__(f"`{text[:100]}` is not valid")
        self.place, self.text = place, text


def from_text(cells: pa.Array, column: Column, *, decimal: str) -> pa.Array:
    """Texts as an Arrow array of the column's type. `decimal` is the mark of the file. Raises InvalidCell.

    Texts that mean a missing value become null: of the column's format, else those of MISSING; in a text column without
    a format, the nulls are left to the parser of the file.
    """
    if column.type == "text":
        form = column.format or DEFAULT
        return cells if form.missing is None else missing.with_nulls(cells, form.missing)
    converted, invalid = converted_and_misfits(cells, column, decimal=decimal)
    place = pc.index(invalid, True).as_py()
    if place >= 0:
        raise InvalidCell(place, cells[place].as_py())
    return converted


def converted_and_misfits(cells: pa.Array, column: Column, *, decimal: str) -> tuple[pa.Array, pa.Array]:
    """The values of a column that is not text, and which texts neither have its type nor mean a missing value."""
    form = column.format or DEFAULT
    tokens = missing.MISSING if form.missing is None else ("", *form.missing)
    values = cells if form.missing is None else missing.with_nulls(cells, tokens, trim=True)
    converted = _convert(values, column.type, form, decimal)
    invalid = pc.and_(pc.is_null(converted), pc.is_valid(values))
    if pc.any(invalid).as_py():
        is_missing = pc.is_in(numbers.normalized(values), pa.array(list(tokens), pa.string()))
        invalid = pc.and_not(invalid, is_missing)
    return converted, invalid


def _convert(values, kind, form, decimal):
    if kind == "date":
        return dates.parse(values, form.date)
    if kind == "boolean":
        return booleans.parse(values, form.true, form.false)
    marks = {"decimal": form.decimal or decimal, "thousands": form.thousands, "affix": form.affix}
    return numbers.parse(values, ARROW_TYPES[kind], **marks)


def from_arrow(values: pa.Array, column: Column) -> pa.Array:
    """Values of a typed file as an Arrow array of the column's type, which can be another one than theirs."""
    kind, numbers = kind_of(values.type), {"integer", "number"}
    if kind == "text" and column.format is not None:
        return from_text(values.cast(pa.string()), column, decimal=".")
    if kind != column.type and column.type != "text" and not {kind, column.type} <= numbers:
        return from_text(values.cast(pa.string()), column, decimal=".")
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    return values.cast(ARROW_TYPES[column.type])
