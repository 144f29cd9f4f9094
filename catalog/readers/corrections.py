"""Corrections: the part of a parse recipe that a user sets. What is set is kept; the rest is detected around it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from django.core.exceptions import ValidationError

from catalog.readers.cells import column_types
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.correcting import fields
from catalog.readers.formats import FORMATS

# In the order of pages. Categories and identifiers are read as text.
TYPES = ("integer", "number", "boolean", "category", "text", "date", "identifier")
ROLES = ("category", "identifier")
ON_ERROR = ("missing", "refuse")
THOUSANDS = (",", ".", " ", "'", "")


@dataclass(frozen=True)
class ColumnCorrection:
    """What is set for one column of a file. None: detected.

    `source` is its name in the file and `name` the one it gets. `on_error` says what becomes of the cells that its
    type cannot have: they are read as missing, or the file is refused. Of `format`, what is not None or () is set.
    """

    source: str
    name: str | None = None
    type: str | None = None
    role: str | None = None
    on_error: str | None = None
    format: CellFormat | None = None


@dataclass(frozen=True)
class Corrections:
    """What is set of a parse recipe; see ParseRecipe. None: detected.

    `escape` and `quote` can be empty: quotes are escaped by doubling, or no character is a quotation mark. `thousands`
    and `missing` are those of the columns for which no other ones are set.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    decimal: str | None = None
    skip: int | None = None
    header: bool | None = None
    skip_below: int | None = None
    footer: int | None = None
    trailing: bool | None = None
    padded: bool | None = None
    widths: tuple[int, ...] | None = None
    spaced: bool | None = None
    sheet: str | None = None
    member: str | None = None
    thousands: str | None = None
    missing: tuple[str, ...] | None = None
    columns: tuple[ColumnCorrection, ...] = ()

    @classmethod
    def from_dict(cls, values: object) -> "Corrections":
        """The corrections of a partial or whole recipe, as JSON has it. Raises ValidationError by field.

        What is always detected, `compression` and the `nullable` of a column, is accepted and left out.
        """
        return cls(**fields.checked(values, FIELDS, ignored=("compression",)))

    def options(self, *names: str) -> dict:
        """Those of these options that are set, to replace the detected ones of a recipe."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def of_column(self, name: str) -> ColumnCorrection | None:
        """What is set for a column of the file, by itself or for all."""
        own = self._by_source.get(name)
        if self.thousands is None and self.missing is None:
            return own
        own = own or ColumnCorrection(name)
        form = own.format or CellFormat()
        thousands = self.thousands if form.thousands is None else form.thousands
        missing = self.missing if form.missing is None else form.missing
        return replace(own, format=replace(form, thousands=thousands, missing=missing))

    @cached_property
    def _by_source(self) -> dict[str, ColumnCorrection]:
        return {column.source: column for column in self.columns}


UNCORRECTED = Corrections()


def cleaned(values: Mapping) -> dict:
    """Corrections as JSON, without what is always detected and what is None. Raises ValidationError by field."""
    Corrections.from_dict(values)
    result = _known(values, FIELDS)
    if columns := result.pop("columns", None):
        result["columns"] = [_known(column, COLUMN_FIELDS) for column in columns]
        for column in result["columns"]:
            if form := column.pop("format", None):
                column["format"] = _known(form, CELL_FIELDS)
    return result


def _known(values, names):
    return {name: values[name] for name in names if values.get(name) is not None}


def merged(values: Mapping, changes: object) -> dict:
    """Corrections as JSON with these changes, of which None removes what is set. Raises ValidationError by field.

    Changes of a column apply to it only, and those of its format to their keys.
    """
    Corrections.from_dict(changes)
    columns = {_source(column): column for column in values.get("columns") or []}
    for change in changes.get("columns") or []:
        column = columns.get(_source(change), {})
        form = _without_none((column.get("format") or {}) | (change.get("format") or {}))
        role = {"role": None} if change.get("type") else {}  # of the type before
        columns[_source(change)] = _without_none({**column, **role, **change, "format": form or None})
    result = {**values, **changes}
    if changes.get("columns") or "columns" not in changes:
        result["columns"] = list(columns.values()) or None
    return _without_none(result)


def _without_none(values: Mapping) -> dict:
    return {name: value for name, value in values.items() if value is not None}


def _source(column: Mapping) -> str:
    return column.get("source") or column["name"]


def _columns(value) -> tuple[ColumnCorrection, ...]:
    if not isinstance(value, list):
        raise fields.invalid("Must be a list.")
    if len(value) > column_types.MAX_COLUMNS:
        raise fields.invalid(f"Must have at most {column_types.MAX_COLUMNS:,} columns.")
    columns, errors = [], {}
    for place, item in enumerate(value, 1):
        try:
            columns.append(_column(item, path=f"columns.{place}"))
        except ValidationError as error:
            errors |= error.error_dict
    if errors:
        raise ValidationError(errors)
    _check_distinct([column.source for column in columns], "The column `{}` is listed twice.")
    return tuple(columns)


def _column(item, *, path: str) -> ColumnCorrection:
    values = fields.checked(item, COLUMN_FIELDS, ignored=("nullable",), path=path)
    source = values.pop("source", None) or values.pop("name", None)
    if source is None:
        raise fields.invalid(
            "Name the column: `name`, or `source` for its name in the file.", field=path, code="required"
        )
    if "format" in values:
        values["format"] = CellFormat(**fields.checked(values["format"], CELL_FIELDS, path=f"{path}.format"))
    if values.get("type") in ROLES:
        values["role"], values["type"] = values["type"], "text"
    return ColumnCorrection(source, **values)


def _check_distinct(names, sentence: str) -> None:
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise fields.invalid(sentence.format(name), code="duplicate_columns")


FIELDS = {
    "format": fields.one_of(tuple(FORMATS)),
    "encoding": fields.encoding,
    "delimiter": fields.delimiter,
    "quote": fields.one_of(('"', "'", "")),
    "escape": fields.one_of(("\\", "")),
    "decimal": fields.one_of((".", ",")),
    "thousands": fields.one_of(THOUSANDS),
    "missing": fields.texts,
    "skip": fields.skip,
    "header": fields.boolean,
    "skip_below": fields.skip,
    "footer": fields.skip,
    "trailing": fields.boolean,
    "padded": fields.boolean,
    "widths": fields.widths,
    "spaced": fields.boolean,
    "sheet": fields.text,
    "member": fields.text,
    "columns": _columns,
}
COLUMN_FIELDS = {
    "source": fields.text,
    "name": fields.text,
    "type": fields.one_of(TYPES),
    "role": fields.one_of(ROLES),
    "on_error": fields.one_of(ON_ERROR),
    "format": fields.object,
}
CELL_FIELDS = {
    "decimal": fields.one_of((".", ",")),
    "thousands": fields.one_of(THOUSANDS),
    "affix": fields.texts,
    "date": fields.date_formats,
    "true": fields.texts,
    "false": fields.texts,
    "missing": fields.texts,
}
