"""The columns of a table: rules for their names, their types, and the conversion of cells to typed values."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from django.core.exceptions import ValidationError

from catalog.readers.cells.cell_format import CellFormat

MAX_COLUMNS = 10_000
MAX_NAME_LENGTH = 200
ARROW_TYPES = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "date": pa.timestamp("us"),
}


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text."""
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


@dataclass(frozen=True)
class Column:
    """One column of a table; `type` is integer, number, boolean, text or date.

    `format` is None if its cells are written as everywhere in the file. `role` is `category` or `identifier` if a user
    says so. `source` is its name in the file if it was renamed.
    """

    name: str
    type: str
    nullable: bool
    format: CellFormat | None = None
    role: str | None = None
    source: str | None = None

    def to_dict(self) -> dict:
        """As JSON, without what is None."""
        values = {"name": self.name, "type": self.type, "nullable": self.nullable}
        if self.format is not None:
            values["format"] = self.format.to_dict()
        optional = {"role": self.role, "source": self.source}
        return values | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def from_dict(cls, values: dict) -> "Column":
        form = values.get("format")
        return cls(**values | {"format": None if form is None else CellFormat.from_dict(form)})


def usable_names(names: Sequence[str]) -> list[str]:
    """The names without surrounding spaces; an empty one is named as by `fill_empty_names`.

    Raises ValidationError for more than 10,000 names, a name over 200 characters, a control character, and a
    duplicate.
    """
    if len(names) > MAX_COLUMNS:
        raise ValidationError(
            f"The table has {len(names):,} columns; the limit is {MAX_COLUMNS:,}.",
            code="too_many_columns",
        )
    names = fill_empty_names([name.strip() for name in names])
    for position, name in enumerate(names, 1):
        if len(name) > MAX_NAME_LENGTH:
            raise ValidationError(
                f"The name of column {position} has {len(name):,} characters; the limit is {MAX_NAME_LENGTH}. "
                "Check that the first row contains the column names.",
                code="column_name",
            )
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
            raise ValidationError(
                f"The name of column {position} contains a line break or another control character. Rename it.",
                code="column_name",
            )
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    if duplicates:
        more = f" and {len(duplicates) - 5} more" if len(duplicates) > 5 else ""
        listed = ", ".join(f"`{name}`" for name in duplicates[:5]) + more
        raise ValidationError(
            f"Duplicate column names: {listed}. Give every column a different name.",
            code="duplicate_columns",
        )
    return names


def fill_empty_names(names: Sequence[str]) -> list[str]:
    """Names in which an empty one is `Unnamed: 0`, by its position, or `Unnamed: 0.1` if that is taken: as in pandas.

    A model trained on the columns can then predict a frame that pandas.read_csv has read.
    """
    used, filled = set(names), []
    for position, name in enumerate(names):
        number, unique = 0, name or f"Unnamed: {position}"
        while not name and unique in used:
            number += 1
            unique = f"Unnamed: {position}.{number}"
        used.add(unique)
        filled.append(unique)
    return filled


def exact_names(names: list[str]) -> list[str]:
    """The names unchanged, for formats that address columns by name; raises ValidationError as usable_names."""
    if usable_names(names) != names:
        raise ValidationError(
            "A column name is empty, or it starts or ends with a space. Rename the column.",
            code="column_name",
        )
    return names


def value_type(kind: pa.DataType) -> pa.DataType:
    """An Arrow type, or the type of the values of a dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def kind_of(arrow_type: pa.DataType) -> str | None:
    """The column type for an Arrow type; None if it is not supported."""
    return next((name for is_kind, name in KINDS if is_kind(value_type(arrow_type))), None)


def arrow_column(field: pa.Field) -> Column:
    """The column of an Arrow field, without regard to its values: see `with_values`."""
    if kind := kind_of(field.type):
        return Column(field.name, kind, False)
    raise ValidationError(
        f"Column `{field.name}` has the unsupported type {str(value_type(field.type))[:40]}. Convert it to text, "
        "numbers or dates, or remove it.",
        code="nested_value",
    )


def with_values(column: Column, values: pa.Array) -> Column:
    """The column updated for these values: nullable if one is missing; text if a number exceeds 63 bits, as in CSV."""
    if pa.types.is_uint64(values.type) and (pc.max(values).as_py() or 0) >= 2**63:
        column = replace(column, type="text")
    if column.type == "text" and pc.any(pc.match_substring(values.cast(pa.string()), "\0")).as_py():
        raise ValidationError(
            f"Column `{column.name}` contains a NUL character. Remove it.", code="binary_file"
        )
    is_missing = pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))
    return replace(column, nullable=column.nullable or bool(pc.any(is_missing).as_py()))


def to_pandas(values: pa.Array, column: Column):
    """An Arrow array of the column's type as pandas values; the dtype is the same for every chunk."""
    if column.type == "text":
        return pd.StringDtype(na_value=np.nan).__from_arrow__(values)
    if column.nullable and column.type == "integer":
        return pd.Int64Dtype().__from_arrow__(values)
    if column.nullable and column.type == "boolean":
        return pd.BooleanDtype().__from_arrow__(values)
    return values.to_numpy(zero_copy_only=False)
