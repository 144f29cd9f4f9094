"""What a table's columns are: their names, their types, and cells turned into typed values. No readers."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from django.core.exceptions import ValidationError

MAX_COLUMNS = 10_000
MAX_NAME_LENGTH = 200
ARROW_TYPES = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "date": pa.timestamp("us"),
}
# The cells that pandas reads as missing by default, so that a file means here what it means in a notebook.
MISSING = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
]  # fmt: skip


def is_text(kind):
    """Whether Arrow's type is one of texts."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


KINDS = (
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_decimal, "number"),
    (pa.types.is_null, "number"),
    (pa.types.is_boolean, "boolean"),
    (is_text, "text"),
    (pa.types.is_time, "text"),
    (pa.types.is_timestamp, "date"),
    (pa.types.is_date, "date"),
)

# A zero-padded code (007) is neither: as a number it would lose its zeros.
INTEGER = r"^[+-]?(?:0|[1-9][0-9]*)$"
NUMBER = (
    r"^[+-]?(?:(?:(?:0|[1-9][0-9]*)(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity))$"
)
# "1,234" may be a thousand; "1,5" and "0,125" can only be decimals.
SURELY_DECIMAL = r"{mark}(?:[0-9]{{0,2}}|[0-9]{{4,}})(?:[eE]|$)|^[+-]?0?{mark}"
MARKS = {"number": r"\.", "comma": ","}
BOOLEAN = "^(?i:true|false)$"
DATE = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
ZONE = r":[0-9.]+(?:Z|[+-][0-9:]+)$"


@dataclass(frozen=True)
class Column:
    """One column of a table; `type` is integer, number, boolean, text or date."""

    name: str
    type: str
    nullable: bool


def usable_names(names):
    """The names stripped, an empty one filled as column_3. Too many, too long, odd or double is an error."""
    if len(names) > MAX_COLUMNS:
        raise ValidationError(
            f"The table has {len(names):,} columns; at most {MAX_COLUMNS:,} are allowed.",
            code="too_many_columns",
        )
    names = [name.strip() or f"column_{place}" for place, name in enumerate(names, 1)]
    for place, name in enumerate(names, 1):
        if len(name) > MAX_NAME_LENGTH:
            raise ValidationError(
                f"The name of column {place} has {len(name):,} characters; at most {MAX_NAME_LENGTH} are "
                "allowed. Check that the first row holds the column names.",
                code="column_name",
            )
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
            raise ValidationError(
                f"The name of column {place} contains a line break or another control character. Rename it.",
                code="column_name",
            )
    doubles = [name for name, count in Counter(names).items() if count > 1]
    if doubles:
        more = f" and {len(doubles) - 5} more" if len(doubles) > 5 else ""
        listed = ", ".join(f"`{name}`" for name in doubles[:5]) + more
        raise ValidationError(
            f"More than one column is called {listed}. Give every column its own name.",
            code="duplicate_columns",
        )
    return names


def exact_names(names):
    """As usable_names, for formats whose readers ask for a column by the name in the file."""
    if usable_names(names) != names:
        raise ValidationError(
            "A column's name is empty or starts or ends with a space. Rename it.", code="column_name"
        )
    return names


class TextGuess:
    """Which types still fit a column that is read as text, chunk after chunk.

    What fits every value wins, in this order: boolean, integer, number, date, text. A column without any
    value is a number: training imputes it, where an empty text column would become a category.
    """

    def __init__(self):
        self.kinds = {"boolean", "integer", "number", "comma", "date"}
        self.missing = self.blank = 0
        self.is_seen = False
        self.surely_decimal = {"number": False, "comma": False}

    def update(self, cells):
        self.missing += cells.null_count
        if not self.kinds:
            return
        values = trimmed(cells)
        self.blank += values.null_count - cells.null_count
        values = values.drop_null()
        if not len(values):
            return
        self.is_seen = True
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
        if "date" in self.kinds and not is_dates(values):
            self.kinds.discard("date")

    def _update_decimal(self, kind, values):
        if not _all_match(values, NUMBER.format(mark=MARKS[kind])):
            self.kinds.discard(kind)
        elif not self.surely_decimal[kind]:
            found = pc.match_substring_regex(values, SURELY_DECIMAL.format(mark=MARKS[kind]))
            self.surely_decimal[kind] = pc.any(found).as_py()

    @property
    def has_decimal_comma(self):
        return "comma" in self.kinds and "number" not in self.kinds and self.surely_decimal["comma"]

    def column(self, name, *, decimal):
        kind = self._type(decimal)
        missing = self.missing if kind == "text" else self.missing + self.blank
        return Column(name, kind, missing > 0)

    def _type(self, decimal):
        if not self.is_seen:
            return "number"
        for kind in ("boolean", "integer", "date"):
            if kind in self.kinds:
                return kind
        # Where commas are decimals, a column of 1.234 alone is more likely thousands: left as written.
        if "number" in self.kinds and (decimal == "." or self.surely_decimal["number"]):
            return "number"
        return "number" if "comma" in self.kinds and decimal == "," else "text"


def trimmed(cells):
    """Cells without surrounding spaces; what is left empty or reads as missing becomes missing."""
    values = pc.ascii_trim_whitespace(cells)
    if pc.sum(pc.binary_length(values)).as_py() == pc.sum(pc.binary_length(cells)).as_py():
        return cells
    is_missing = pc.is_in(values, pa.array(MISSING))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), values)


def is_dates(values):
    """Whether every value is an ISO date or date and time that exists in the calendar."""
    if not _all_match(values, DATE):
        return False
    try:
        dates(values)
    except pa.ArrowInvalid:
        return False
    return True


def dates(values):
    """ISO texts as naive microseconds: what names a zone is converted to UTC, what names none stays."""
    values = pc.replace_substring_regex(values, r"(\.[0-9]{6})[0-9]+", r"\1")
    is_zoned = pc.match_substring_regex(values, ZONE)
    nothing = pa.scalar(None, pa.string())
    naive = pc.if_else(is_zoned, nothing, values).cast(pa.timestamp("us"))
    zoned = pc.if_else(is_zoned, values, nothing).cast(pa.timestamp("us", "UTC"))
    return pc.coalesce(naive, zoned.cast(pa.timestamp("us")))


def from_text(cells, column, *, decimal):
    """Cells of a text file as the Arrow array of the column's type."""
    if column.type == "text":
        return cells
    values = trimmed(cells)
    if column.type == "date":
        return dates(values)
    if column.type == "number" and decimal == ",":
        values = pc.replace_substring(values, ",", ".")
    if column.type == "integer":
        values = pc.ascii_ltrim(values, characters="+")
    return values.cast(ARROW_TYPES[column.type])


def value_type(kind):
    """An Arrow type, or what the values of a dictionary are."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def kind_of(arrow_type):
    """What a column of this type is here; None for one that is no column."""
    return next((name for is_kind, name in KINDS if is_kind(value_type(arrow_type))), None)


def arrow_column(field):
    """The column of an Arrow field, as far as its type tells: `seen` completes it."""
    if kind := kind_of(field.type):
        return Column(field.name, kind, False)
    raise ValidationError(
        f"Column `{field.name}` is of type {str(value_type(field.type))[:40]}. Turn it into text, numbers or dates, or "
        "leave it out.",
        code="nested_value",
    )


def seen(column, values):
    """The column after these values: gaps make it nullable; numbers over 63 bits make it text, as in CSV."""
    if pa.types.is_uint64(values.type) and (pc.max(values).as_py() or 0) >= 2**63:
        column = replace(column, type="text")
    if column.type == "text" and pc.any(pc.match_substring(values.cast(pa.string()), "\0")).as_py():
        raise ValidationError(
            f"Column `{column.name}` contains a NUL character. Remove it.", code="binary_file"
        )
    is_missing = pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))
    return replace(column, nullable=column.nullable or bool(pc.any(is_missing).as_py()))


def from_arrow(values, column):
    """A column of a typed file as the Arrow array of the column's type."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    return values.cast(ARROW_TYPES[column.type])


def to_pandas(values, column):
    """An Arrow array of the column's type as pandas values, of one dtype whatever the chunk holds."""
    if column.type == "text":
        return pd.StringDtype(na_value=np.nan).__from_arrow__(values)
    if column.nullable and column.type == "integer":
        return pd.Int64Dtype().__from_arrow__(values)
    if column.nullable and column.type == "boolean":
        return pd.BooleanDtype().__from_arrow__(values)
    return values.to_numpy(zero_copy_only=False)


def _all_match(values, pattern):
    # The first value alone settles most misses, at a thirtieth of the price: it is what wide tables cost.
    if not re.search(pattern, values[0].as_py()):
        return False
    return pc.all(pc.match_substring_regex(values, pattern)).as_py()


def _fits_int64(values):
    """False when a whole number is too long for 64 bits: an identifier, which a float would round."""
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
