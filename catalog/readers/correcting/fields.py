"""Check the fields of corrections, values of JSON: each check returns the value or raises ValidationError."""

from collections.abc import Callable, Mapping

from django.core.exceptions import ValidationError

from catalog.readers import encodings
from catalog.readers.cells import column_types, dates
from mlplatform.validation import sentences, unknown_names

MAX_SKIP = 1_000_000
MAX_TEXTS = 1_000  # in one list
OTHER_MARK = {".": ",", ",": "."}


def checked(values, known: Mapping[str, Callable], *, ignored=(), path: str = "") -> dict:
    """The values that are set, by the function of each field. Raises ValidationError with an error for each field."""
    if not isinstance(values, Mapping):
        raise invalid(f"Must be a JSON object, not {sentences.json_type(values)}.", field=path)
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
    marks = checked.get("decimal"), checked.get("thousands")
    if marks[0] and marks[0] == marks[1]:
        error = invalid(f"`{marks[0]}` cannot be the mark of both decimals and thousands.")
        errors |= {f"{prefix}thousands": error}
    if errors:
        raise ValidationError(errors)
    if not marks[0] and marks[1] in OTHER_MARK:
        checked["decimal"] = OTHER_MARK[marks[1]]
    return checked


def invalid(sentence: str, *, field: str = "", code: str = "invalid") -> ValidationError:
    error = ValidationError(sentence, code=code)
    return ValidationError({field: error}) if field else error


def text(value, *, most: int = column_types.MAX_NAME_LENGTH) -> str:
    if not isinstance(value, str):
        raise invalid("Must be a string.")
    if len(value) > most:
        raise invalid(f"Must have at most {most:,} characters.")
    if "\0" in value:  # PostgreSQL does not store it
        raise invalid("Null characters are not allowed.", code="null_characters")
    return value


def one_of(choices):
    def check(value):
        if value not in choices:
            listed = ", ".join(f"`{choice}`" for choice in choices)
            raise invalid(f"Must be one of {listed}.", code="invalid_choice")
        return value

    return check


def encoding(value) -> str:
    name = encodings.normalized(text(value))
    if name is None:
        raise invalid(
            f"Unknown encoding `{value}`. Examples are `utf-8`, `cp1252`, `latin-1`, `utf-16`, `shift_jis`.",
            code="unknown_encoding",
        )
    return name


def delimiter(value) -> str:
    value = {"\\t": "\t"}.get(value := text(value), value)
    if not value or len(value) > 2 or len(set(value)) > 1:
        raise invalid(
            f"The delimiter `{value}` is not one character, or the same character twice, such as `;` or `||`.",
            code="invalid_delimiter",
        )
    if value[0].isalnum() or value[0] in "\r\n\0\"'":
        raise invalid(
            "The delimiter cannot be a letter, a digit, a quotation mark or a line break.",
            code="invalid_delimiter",
        )
    return value


def skip(value) -> int:
    if type(value) is not int:
        raise invalid("Must be an integer.")
    if not 0 <= value <= MAX_SKIP:
        raise invalid(f"Must be from 0 to {MAX_SKIP:,}.")
    return value


def texts(value) -> tuple[str, ...]:
    """A list of texts, or one text."""
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list):
        raise invalid("Must be a list.")
    if len(value) > MAX_TEXTS:
        raise invalid(f"Must have at most {MAX_TEXTS} items.")
    return tuple(map(text, value))


def date_formats(value) -> tuple[str, ...]:
    formats = texts(value)
    for form in formats:
        try:
            dates.pattern(form)
        except ValueError as error:
            raise invalid(str(error), code="invalid_date_format") from error
    return formats


def object(value) -> object:
    return value


def boolean(value) -> bool:
    if not isinstance(value, bool):
        raise invalid("Must be true or false.")
    return value


def widths(value) -> tuple[int, ...]:
    if not isinstance(value, list) or any(type(start) is not int for start in value):
        raise invalid("Must be a list of integers.")
    if (
        value != sorted({start for start in value if 0 <= start < MAX_SKIP})
        or len(value) > column_types.MAX_COLUMNS
    ):
        raise invalid("Must be the positions at which the columns start, counted from 0 and rising.")
    return tuple(value)
