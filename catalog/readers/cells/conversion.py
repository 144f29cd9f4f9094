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
    form = column.format or DEFAULT
    if column.type == "text":
        return cells if form.missing is None else missing.with_nulls(cells, form.missing)
    tokens = missing.MISSING if form.missing is None else form.missing
    values = cells
    if form.missing is not None:
        values = missing.with_nulls(cells, tokens, trim=True)
    converted = _convert(values, column.type, form, decimal)
    invalid = pc.and_(pc.is_null(converted), pc.is_valid(values))
    if pc.any(invalid).as_py():
        _check(values, invalid, tokens)
    return converted


def _convert(values, kind, form, decimal):
    if kind == "date":
        return dates.parse(values, form.date)
    if kind == "boolean":
        return booleans.parse(values, form.true, form.false)
    marks = {"decimal": form.decimal or decimal, "thousands": form.thousands, "affix": form.affix}
    return numbers.parse(values, ARROW_TYPES[kind], **marks)


def _check(values, invalid, tokens):
    """Raises InvalidCell unless all invalid values mean a missing one."""
    texts = numbers.normalized(values.filter(invalid))
    is_missing = pc.is_in(texts, pa.array(list(tokens), pa.string()))
    place = pc.index(is_missing, False).as_py()
    if place >= 0:
        places = pc.indices_nonzero(invalid)
        raise InvalidCell(places[place].as_py(), values[places[place].as_py()].as_py())


def from_arrow(values: pa.Array, column: Column) -> pa.Array:
    """Values of a typed file as an Arrow array of the column's type, which can be another one than theirs."""
    kind, numbers = kind_of(values.type), {"integer", "number"}
    if kind != column.type and column.type != "text" and not {kind, column.type} <= numbers:
        return from_text(values.cast(pa.string()), column, decimal=".")
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    return values.cast(ARROW_TYPES[column.type])
