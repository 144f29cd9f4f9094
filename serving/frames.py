"""The one coercion layer: rows as a caller sends them -> a frame as the model's signature wants it."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pandas
from django.core.exceptions import ValidationError

MOST_ERRORS = 20
MISSING = {"integer": math.nan, "number": math.nan, "text": None, "boolean": None, "date": None}


class _Wrong(Exception):
    """What is wrong with one cell, without the caller's data."""


def _number(value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong("must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Wrong("must be a finite number")
    return number


def _integer(value):
    number = _number(value)
    if number != int(number):
        raise _Wrong("must be a whole number")
    return number


def _text(value):
    if not isinstance(value, str):
        raise _Wrong("must be text")
    return value


def _boolean(value):
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _date(value):
    if not isinstance(value, str):
        raise _Wrong("must be a date such as 2026-01-31")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _Wrong("must be a date such as 2026-01-31 or 2026-01-31T14:05:00") from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


COERCE: dict[str, Callable] = {
    "number": _number,
    "integer": _integer,
    "text": _text,
    "boolean": _boolean,
    "date": _date,
}


class _Errors:
    def __init__(self):
        self.sentences: list[str] = []
        self.count = 0

    def add(self, sentence: str) -> None:
        self.count += 1
        if len(self.sentences) < MOST_ERRORS:
            self.sentences.append(sentence)

    def raise_if_any(self) -> None:
        if not self.count:
            return
        more = self.count - len(self.sentences)
        sentences = self.sentences + ([f"... and {more} more."] if more else [])
        errors = [ValidationError(sentence, code="invalid_input") for sentence in sentences]
        raise ValidationError({"input_data": errors})


def from_rows(rows: Sequence, inputs: list[dict]) -> pandas.DataFrame:
    """A typed frame from a list of rows, each a list in the signature's order or an object by column name.

    JSON null is missing. An integral float passes for an integer, nothing passes for text or a number but
    itself. Raises ValidationError listing row and column of at most 20 faults, without echoing data.
    """
    if not isinstance(rows, list) or not rows:
        raise ValidationError({"input_data": ValidationError("Send at least one row.", code="invalid_input")})
    errors = _Errors()
    cells = [[] for _ in inputs]
    for number, row in enumerate(rows, start=1):
        values = _ordered(row, number, inputs, errors)
        if values is None:
            continue
        for column, collected, value in zip(inputs, cells, values, strict=True):
            collected.append(_cell(value, number, column, errors))
    errors.raise_if_any()
    return pandas.DataFrame(
        {
            column["name"]: pandas.Series(values, dtype=_dtype(column))
            for column, values in zip(inputs, cells, strict=True)
        }
    )


def _ordered(row, number: int, inputs: list[dict], errors: _Errors) -> list | None:
    if isinstance(row, dict):
        names = [column["name"] for column in inputs]
        unknown = [name for name in row if name not in set(names)]
        missing = [name for name in names if name not in row]
        for name in unknown:
            errors.add(f"Row {number}: the model has no column `{str(name)[:100]}`.")
        for name in missing:
            errors.add(f"Row {number}: column `{name}` is missing; send null where the value is not known.")
        return None if unknown or missing else [row[name] for name in names]
    if isinstance(row, list):
        if len(row) == len(inputs):
            return row
        errors.add(f"Row {number} has {len(row)} values; the model has {len(inputs)} columns.")
        return None
    errors.add(f"Row {number} must be a list of values or an object keyed by column name.")
    return None


def _cell(value, number: int, column: dict, errors: _Errors):
    if value is None:
        return MISSING[column["type"]]
    try:
        return COERCE[column["type"]](value)
    except _Wrong as wrong:
        errors.add(f"Row {number}, column `{column['name']}` {wrong}.")
        return MISSING[column["type"]]


def _dtype(column: dict) -> str:
    return {"text": "str", "boolean": "boolean", "date": "datetime64[us]"}.get(column["type"], "float64")
