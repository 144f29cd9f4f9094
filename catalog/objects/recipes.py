"""One parse recipe for all files of a table: they have the same columns, of the same types, and are written alike."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import BinaryIO

import pyarrow.compute as pc
from django.core.exceptions import ValidationError

from catalog.readers import tables
from catalog.readers.cells.column_types import Column
from catalog.readers.column_names import listed
from catalog.readers.formats import FORMATS
from catalog.readers.recipe import ParseRecipe, Reading

READABLE = ("parquet", "csv")
# What is the same in all files, in words.
WRITTEN = {
    "encoding": "encoding",
    "delimiter": "delimiter",
    "escape": "escape character",
    "skip": "number of lines above the header",
    "header": "header",
    "skip_below": "number of lines below the header",
    "trailing": "delimiter at the end of each row",
    "padded": "padding of the cells by spaces",
    "widths": "start of each column",
    "quote": "quote character",
    "footer": "number of lines below the last row",
}


def check_format(recipe: ParseRecipe) -> None:
    if recipe.format not in READABLE:
        raise ValidationError(
            f"The file is {FORMATS[recipe.format].label}. By reference, Parquet and CSV can be registered; upload any "
            "other file.",
            code="unsupported_type",
        )
    if recipe.compression == "zip":
        raise ValidationError(
            "The file is a ZIP archive. Compress it with gzip or zstd, or upload it.", code="unsupported_type"
        )


def merged(first: ParseRecipe, reading: Reading, files: Sequence[Callable[[], BinaryIO]]) -> ParseRecipe:
    """The recipe for the files so far and one more, which was read by itself; `files` opens all of them again.

    Raises ValidationError for the first difference.
    """
    recipe = reading.recipe
    for name in ("format", "compression"):
        if getattr(first, name) != getattr(recipe, name):
            raise _differs(f"It is {_written(recipe, name)}, and the first file is {_written(first, name)}")
    check_names(first.names, recipe.names)
    if not reading.rows:  # of an empty CSV, nothing else is known
        return first
    for name, words in WRITTEN.items():
        if getattr(first, name) != getattr(recipe, name):
            raise _differs(
                f"Its {words} is {_value(recipe, name)}, and that of the first file {_value(first, name)}"
            )
    pairs = zip(first.columns, recipe.columns, strict=True)
    columns = tuple(_column(one, other, first, recipe, files) for one, other in pairs)
    return replace(first, columns=columns, decimal=_decimal(first, recipe))


def check_names(first: list[str], names: list[str]) -> None:
    """Raise ValidationError unless a file has the columns of the first one."""
    if first == names:
        return
    missing = [name for name in first if name not in set(names)]
    more = [name for name in names if name not in set(first)]
    if missing or more:
        lacks = [f"lacks the columns {listed(missing)}"] if missing else []
        has = [f"has {listed(more)} beside them"] if more else []
        raise _differs(f"Of the columns of the first file, it {' and '.join(lacks + has)}")
    raise _differs("It has the columns of the first file in another order")


def _column(one: Column, other: Column, first: ParseRecipe, recipe: ParseRecipe, files: Sequence) -> Column:
    nullable = one.nullable or other.nullable
    kinds = {one.type, other.type}
    if len(kinds) > 1 or one.format != other.format:
        if _is_empty(other, recipe, files[-1:]):
            return replace(one, nullable=True)
        if _is_empty(one, first, files[:-1]):
            return replace(other, nullable=True)
    if len(kinds) > 1 and kinds != {"integer", "number"}:
        raise _differs(
            f"Its column `{other.name}` has the type {other.type}, and in the files before it {one.type}"
        )
    if one.format != other.format:  # 1.234 is 1234 in one way, and a fraction in another
        raise _differs(
            f"The cells of its column `{other.name}` are written in another way than in the files before it"
        )
    return replace(one, type=one.type if len(kinds) == 1 else "number", nullable=nullable)


def _is_empty(column: Column, recipe: ParseRecipe, files: Sequence[Callable[[], BinaryIO]]) -> bool:
    """Whether no row of some files has a value in a column, which then is of the type number."""
    if column.type != "number" or not column.nullable:
        return False
    for opened in files:
        with opened() as file:
            batches = tables.typed_batches(file, recipe, columns=[column.name])
            if not all(pc.all(pc.is_null(batch.column(0))).as_py() for batch in batches):
                return False
    return True


def _decimal(first: ParseRecipe, other: ParseRecipe) -> str | None:
    """The mark of decimals: a file without numbers that have one says nothing."""
    if first.decimal == other.decimal:
        return first.decimal
    using = [one for one in (first, other) if any(column.type == "number" for column in one.columns)]
    if len(using) == 2:
        raise _differs(f"Its decimal mark is `{other.decimal}`, and that of the first file `{first.decimal}`")
    return using[0].decimal if using else first.decimal


def _written(recipe: ParseRecipe, name: str) -> str:
    if name == "format":
        return FORMATS[recipe.format].label
    return f"compressed with {recipe.compression}" if recipe.compression else "not compressed"


def _value(recipe: ParseRecipe, name: str) -> str:
    value = getattr(recipe, name)
    if isinstance(value, bool):
        return "present" if value else "absent"
    return "none" if value in (None, "", ()) else f"`{value}`"


def _differs(sentence: str) -> ValidationError:
    return ValidationError(
        f"{sentence}. All files of a table have the same columns and are written alike; register others by themselves.",
        code="different_files",
    )
