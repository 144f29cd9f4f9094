"""Infer the type of a column from its cells as text, chunk by chunk."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import column_types
from catalog.readers.cells.column_types import Column

# Zero-padded codes (007) do not match: as numbers they would lose their zeros.
INTEGER = r"^[+-]?(?:0|[1-9][0-9]*)$"
NUMBER = (
    r"^[+-]?(?:(?:(?:0|[1-9][0-9]*)(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity))$"
)
# "1,234" can be one thousand; "1,5" and "0,125" can only be decimals.
SURELY_DECIMAL = r"{mark}(?:[0-9]{{0,2}}|[0-9]{{4,}})(?:[eE]|$)|^[+-]?0?{mark}"
MARKS = {"number": r"\.", "comma": ","}
BOOLEAN = "^(?i:true|false)$"
DATE = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)


class TypeInference:
    """Which types fit all cells of a column so far.

    If several fit, the order is boolean, integer, number, date, text. A column without values is a number:
    training imputes it, whereas an empty text column would become a category.
    """

    def __init__(self):
        self.kinds = {"boolean", "integer", "number", "comma", "date"}
        self.missing = self.blank = 0
        self.has_values = False
        self.surely_decimal = {"number": False, "comma": False}

    def update(self, cells: pa.Array) -> None:
        self.missing += cells.null_count
        if not self.kinds:
            return
        values = column_types.trimmed(cells)
        self.blank += values.null_count - cells.null_count
        values = values.drop_null()
        if not len(values):
            return
        self.has_values = True
        if not _fits_int64(values):
            self.kinds -= {"integer", "number", "comma"}
        if "integer" in self.kinds and _all_match(values, INTEGER):
            self.kinds &= {"integer", "number", "comma"}
            return
        self.kinds.discard("integer")
        for kind in ("number", "comma"):
            if kind in self.kinds:
                self._update_decimal(kind, values)
        if "boolean" in self.kinds and not _all_match(values, BOOLEAN):
            self.kinds.discard("boolean")
        if "date" in self.kinds and not are_dates(values):
            self.kinds.discard("date")

    def _update_decimal(self, kind, values):
        if not _all_match(values, NUMBER.format(mark=MARKS[kind])):
            self.kinds.discard(kind)
        elif not self.surely_decimal[kind]:
            matches = pc.match_substring_regex(values, SURELY_DECIMAL.format(mark=MARKS[kind]))
            self.surely_decimal[kind] = pc.any(matches).as_py()

    @property
    def has_decimal_comma(self) -> bool:
        return "comma" in self.kinds and "number" not in self.kinds and self.surely_decimal["comma"]

    def column(self, name: str, *, decimal: str) -> Column:
        """The column, given the decimal mark of the whole file."""
        kind = self._type(decimal)
        missing = self.missing if kind == "text" else self.missing + self.blank
        return Column(name, kind, missing > 0)

    def _type(self, decimal):
        if not self.has_values:
            return "number"
        for kind in ("boolean", "integer", "date"):
            if kind in self.kinds:
                return kind
        # In a file with decimal commas, 1.234 is more likely one thousand: such a column stays text.
        if "number" in self.kinds and (decimal == "." or self.surely_decimal["number"]):
            return "number"
        return "number" if "comma" in self.kinds and decimal == "," else "text"


def is_number(text: str, *, decimal: str) -> bool:
    """Whether a text is a number with one of these decimal marks."""
    return re.search(NUMBER.format(mark=f"[{decimal}]"), text) is not None


def are_dates(values: pa.Array) -> bool:
    """Whether every value is an ISO date or date and time that exists in the calendar."""
    if not _all_match(values, DATE):
        return False
    try:
        column_types.dates(values)
    except pa.ArrowInvalid:
        return False
    return True


def _all_match(values, pattern):
    # The first value alone rules out most types at a thirtieth of the cost, which dominates in wide tables.
    if not re.search(pattern, values[0].as_py()):
        return False
    return pc.all(pc.match_substring_regex(values, pattern)).as_py()


def _fits_int64(values):
    """False if a whole number exceeds 64 bits: it is an identifier, which a float would round."""
    if pc.max(pc.binary_length(values)).as_py() < 19:
        return True
    is_long = pc.match_substring_regex(values, r"^[+-]?[0-9]{19,}$")
    if not pc.any(is_long).as_py():
        return True
    whole = values.filter(is_long)
    try:
        pc.ascii_ltrim(whole, characters="+").cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True
