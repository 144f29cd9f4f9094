"""Corrections: the part of a parse recipe that a user sets. What is set is kept; the rest is detected around it."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from catalog.readers import encodings
from catalog.readers.cells import column_types
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.formats import FORMATS
from mlplatform.validation import sentences, unknown_names

MAX_SKIP = 1_000_000
MAX_TEXTS = 1_000  # in one list
# In the order of pages. Categories and identifiers are read as text.
TYPES = ("integer", "number", "boolean", "category", "text", "date", "identifier")
ROLES = ("category", "identifier")
ON_ERROR = ("missing", "refuse")


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

    `escape` and `quote` can be empty: quotes are escaped by doubling, or no character is a quotation mark.
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
    columns: tuple[ColumnCorrection, ...] = ()

    @classmethod
    def from_dict(cls, values: object) -> "Corrections":
        """The corrections of a partial or whole recipe, as JSON has it. Raises ValidationError by field.

        What is always detected, `compression` and the `nullable` of a column, is accepted and left out.
        """
        return cls(**_checked(values, FIELDS, ignored=("compression",)))

    def options(self, *names: str) -> dict:
        """Those of these options that are set, to replace the detected ones of a recipe."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


UNCORRECTED = Corrections()


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


def _checked(values, known: Mapping[str, Callable], *, ignored=(), path: str = "") -> dict:
    """The values that are set, by the function of each field. Raises ValidationError with an error for each field."""
    if not isinstance(values, Mapping):
        raise _invalid(f"Must be a JSON object, not {sentences.json_type(values)}.", field=path)
    prefix = f"{path}." if path else ""
    errors = unknown_names.errors(values, [*known, *ignored], prefix=prefix)
    checked = {}
    for name, check in known.items():
        if (value := values.get(name)) is None:
            continue
        try:
            checked[name] = check(value)
        except ValidationError as error:
            errors |= error.error_dict if hasattr(error, "error_dict") else {prefix + name: error}
    if errors:
        raise ValidationError(errors)
    return checked


def _invalid(sentence: str, *, field: str = "", code: str = "invalid") -> ValidationError:
    error = ValidationError(sentence, code=code)
    return ValidationError({field: error}) if field else error


def _text(value, *, most: int = column_types.MAX_NAME_LENGTH) -> str:
    if not isinstance(value, str):
        raise _invalid("Must be a string.")
    if len(value) > most:
        raise _invalid(f"Must have at most {most:,} characters.")
    return value


def _one_of(choices):
    def check(value):
        if value not in choices:
            listed = ", ".join(f"`{choice}`" for choice in choices)
            raise _invalid(f"Must be one of {listed}.", code="invalid_choice")
        return value

    return check


def _encoding(value) -> str:
    name = encodings.normalized(_text(value))
    if name is None:
        raise _invalid(
            f"Unknown encoding `{value}`. Examples are `utf-8`, `cp1252`, `latin-1`, `utf-16`, `shift_jis`.",
            code="unknown_encoding",
        )
    return name


def _delimiter(value) -> str:
    value = {"\\t": "\t"}.get(value := _text(value), value)
    if not value or len(value) > 2 or len(set(value)) > 1:
        raise _invalid(
            f"The delimiter `{value}` is not one character, or the same character twice, such as `;` or `||`.",
            code="invalid_delimiter",
        )
    if value[0].isalnum() or value[0] in "\r\n\0\"'":
        raise _invalid(
            "The delimiter cannot be a letter, a digit, a quotation mark or a line break.",
            code="invalid_delimiter",
        )
    return value


def _skip(value) -> int:
    if type(value) is not int:
        raise _invalid("Must be an integer.")
    if not 0 <= value <= MAX_SKIP:
        raise _invalid(f"Must be from 0 to {MAX_SKIP:,}.")
    return value


def _texts(value) -> tuple[str, ...]:
    """A list of texts, or one text."""
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list):
        raise _invalid("Must be a list.")
    if len(value) > MAX_TEXTS:
        raise _invalid(f"Must have at most {MAX_TEXTS} items.")
    return tuple(map(_text, value))


def _object(value) -> object:
    return value


def _boolean(value) -> bool:
    if not isinstance(value, bool):
        raise _invalid("Must be true or false.")
    return value


def _widths(value) -> tuple[int, ...]:
    if not isinstance(value, list) or any(type(start) is not int for start in value):
        raise _invalid("Must be a list of integers.")
    if (
        value != sorted({start for start in value if 0 <= start < MAX_SKIP})
        or len(value) > column_types.MAX_COLUMNS
    ):
        raise _invalid("Must be the positions at which the columns start, counted from 0 and rising.")
    return tuple(value)


def _columns(value) -> tuple[ColumnCorrection, ...]:
    if not isinstance(value, list):
        raise _invalid("Must be a list.")
    if len(value) > column_types.MAX_COLUMNS:
        raise _invalid(f"Must have at most {column_types.MAX_COLUMNS:,} columns.")
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
    values = _checked(item, COLUMN_FIELDS, ignored=("nullable",), path=path)
    source = values.pop("source", None) or values.pop("name", None)
    if source is None:
        raise _invalid(
            "Name the column: `name`, or `source` for its name in the file.", field=path, code="required"
        )
    if "format" in values:
        values["format"] = CellFormat(**_checked(values["format"], CELL_FIELDS, path=f"{path}.format"))
    if values.get("type") in ROLES:
        values["role"], values["type"] = values["type"], "text"
    return ColumnCorrection(source, **values)


def _check_distinct(names, sentence: str) -> None:
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise _invalid(sentence.format(name), code="duplicate_columns")


FIELDS = {
    "format": _one_of(tuple(FORMATS)),
    "encoding": _encoding,
    "delimiter": _delimiter,
    "quote": _one_of(('"', "'", "")),
    "escape": _one_of(("\\", "")),
    "decimal": _one_of((".", ",")),
    "skip": _skip,
    "header": _boolean,
    "skip_below": _skip,
    "footer": _skip,
    "trailing": _boolean,
    "padded": _boolean,
    "widths": _widths,
    "spaced": _boolean,
    "sheet": _text,
    "columns": _columns,
}
COLUMN_FIELDS = {
    "source": _text,
    "name": _text,
    "type": _one_of(TYPES),
    "role": _one_of(ROLES),
    "on_error": _one_of(ON_ERROR),
    "format": _object,
}
CELL_FIELDS = {
    "decimal": _one_of((".", ",")),
    "thousands": _one_of((",", ".", " ", "'")),
    "affix": _texts,
    "date": _texts,
    "true": _texts,
    "false": _texts,
    "missing": _texts,
}
