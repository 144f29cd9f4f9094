"""Read the cells of callers as those of the training data: the format of each column is part of the signature.

Signatures of earlier versions have no formats: their cells are read by the rules of `cell_rules` alone.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import conversion, dates
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.missing import MISSING
from serving.inputs.cell_rules import InvalidCell

FAULTS = {
    "integer": "must be a number",
    "number": "must be a number",
    "boolean": "must be true or false",
    "date": "must be a date such as 2026-01-31",
}
GROUPED = r"^\s*[+-]?[0-9]{1,3}(\.[0-9]{3})+\s*$"


class InputFormat:
    """How the cells of one input of a model are read; the results are valid or not by the rules of JSON."""

    def __init__(self, column: dict):
        form = CellFormat.from_dict(column["format"])
        # 3.0 is a valid integer.
        kind = "number" if column["type"] == "integer" else column["type"]
        self.type = column["type"]
        self.column = Column(column["name"], kind, True, form)
        self.missing = frozenset(MISSING if form.missing is None else form.missing)
        self.words = {word.lower(): True for word in form.true} | {word.lower(): False for word in form.false}

    def from_texts(self, values: Sequence) -> list:
        """Cells of CSV as values of JSON, and dates as datetimes. Raises InvalidCell."""
        return self.typed(pa.array(values, pa.string())).to_pylist()

    @property
    def has_decimal(self) -> bool:
        """Whether the decimal mark of the training data decides, and not that of a file."""
        form = self.column.format
        return bool(form.decimal or form.thousands or form.affix)

    def typed(self, cells: pa.Array) -> pa.Array:
        """Cells of CSV as an Arrow array. Raises InvalidCell."""
        if self.type == "text":
            is_missing = pc.is_in(cells, pa.array(sorted(self.missing), pa.string()))
            return pc.if_else(is_missing, pa.scalar(None, pa.string()), cells)
        try:
            return conversion.from_text(cells, self.column, decimal=".")
        except conversion.InvalidCell:
            if self._allows_points and not pc.any(pc.match_substring_regex(cells, GROUPED)).as_py():
                return self._with_points(cells)
            raise InvalidCell(FAULTS[self.type]) from None

    @property
    def _allows_points(self):
        """Programs write 1.5 also for a model of 1,5; 1.234 could be more than a thousand."""
        form = self.column.format
        return self.column.type == "number" and form.decimal == "," and not form.thousands

    def _with_points(self, cells):
        form = CellFormat(missing=self.column.format.missing)
        try:
            return conversion.from_text(cells, Column(self.column.name, "number", True, form), decimal=".")
        except conversion.InvalidCell:
            raise InvalidCell(FAULTS[self.type]) from None

    @property
    def reads_json(self) -> bool:
        """Whether texts of JSON can mean something else than they say."""
        if self.type == "text":
            return bool(self.missing)
        return bool(self.words if self.type == "boolean" else self.column.format.date)

    def from_json(self, values: Sequence) -> Sequence:
        """Values of JSON, of which texts are read as they are in the training data. Others are kept."""
        if not self.reads_json:
            return values
        if self.type == "text":
            return values if self._has_no_missing(values) else [self._or_none(value) for value in values]
        if self.type == "boolean":
            return [self._boolean(value) for value in values]
        return [self._date(value) for value in values]

    def _has_no_missing(self, values):
        try:
            return self.missing.isdisjoint(values)
        except TypeError:  # a list or an object, which the rules refuse
            return True

    def _or_none(self, value):
        return None if isinstance(value, str) and value in self.missing else value

    def _boolean(self, value):
        if not isinstance(value, str):
            return value
        return None if value in self.missing else self.words.get(value.strip().lower(), value)

    def _date(self, value):
        if not isinstance(value, str) or value in self.missing:
            return self._or_none(value)
        return dates.parse(pa.array([value]), self.column.format.date)[0].as_py() or value


def formats_of(inputs: Sequence[dict]) -> list[InputFormat] | None:
    """The format of each input; None for a signature without them."""
    return (
        [InputFormat(column) for column in inputs] if all("format" in column for column in inputs) else None
    )
