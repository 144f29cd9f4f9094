"""The valid values of a cell for each column type: in JSON, and in text as in a CSV file.

Each rule exists twice: for whole columns at once, which is how rows are read, and for one value, which finds the
invalid cell and says what is wrong with it. Both must agree.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

import numpy as np

from catalog.readers.cells.missing import MISSING

NUMBERS = {int, float, type(None)}
TEXTS = {str, type(None)}
BOOLEANS = {bool, type(None)}
MISSING_TEXTS = frozenset(MISSING)


class InvalidCell(Exception):
    """What is wrong with a cell, without the caller's data."""


class CellRules:
    """JSON: no value is converted to another type, and null is missing."""

    def numbers(self, columns: list[Sequence], count: int, integers: list[int]) -> np.ndarray:
        """float64 (rows, columns); the columns with the indices `integers` must hold integers."""
        if not columns:
            return np.empty((count, 0))
        types = set(map(type, chain.from_iterable(columns)))
        if not types <= NUMBERS:
            raise InvalidCell("must be a number")
        try:
            block = np.array(columns, dtype=np.float64).T
        except OverflowError:
            raise InvalidCell("must be a finite number") from None
        finite = np.isfinite(block)
        if not finite.all():
            missing = sum(values.count(None) for values in columns) if type(None) in types else 0
            if np.isinf(block).any() or block.size - np.count_nonzero(finite) != missing:
                raise InvalidCell("must be a finite number")
        if integers and float in types:
            part = block[:, integers]
            if not ((part == np.floor(part)) | np.isnan(part)).all():
                raise InvalidCell("must be an integer")
        return block

    def dates(self, columns: list[Sequence], count: int) -> np.ndarray:
        """datetime64[us] (rows, columns) in UTC."""
        if not columns:
            return np.empty((count, 0), dtype="M8[us]")
        return np.array(
            [[None if value is None else parse_date(value) for value in values] for values in columns],
            dtype="M8[us]",
        ).T

    def texts(self, values: Sequence) -> Sequence:
        if not set(map(type, values)) <= TEXTS:
            raise InvalidCell("must be text")
        return values

    def booleans(self, values: Sequence) -> Sequence:
        if not set(map(type, values)) <= BOOLEANS:
            raise InvalidCell("must be true or false")
        return values

    def check(self, kind: str, value) -> None:
        """Raise InvalidCell if the value is not valid for the column type `kind`."""
        if value is not None:
            CHECKS[kind](value)


class TextCellRules(CellRules):
    """CSV: every cell is text, parsed by its column's type; the texts that pandas reads as missing are missing."""

    def numbers(self, columns, count, integers):
        parsed = [[parse_number(value) for value in values] for values in columns]
        return super().numbers(parsed, count, integers)

    def dates(self, columns, count):
        return super().dates([[text_or_none(value) for value in values] for values in columns], count)

    def texts(self, values):
        return super().texts([text_or_none(value) for value in values])

    def booleans(self, values):
        return super().booleans([parse_boolean(value) for value in values])

    def check(self, kind, value):
        parsers = {"number": parse_number, "integer": parse_number, "boolean": parse_boolean}
        super().check(kind, parsers.get(kind, text_or_none)(value))


def text_or_none(text: str | None) -> str | None:
    return None if text is None or text in MISSING_TEXTS else text


def parse_number(text: str | None) -> float | None:
    """A number with a decimal point, or None if missing. Raises InvalidCell."""
    if text is None or (text := text.strip()) in MISSING_TEXTS:
        return None
    try:
        if "_" not in text:  # float() accepts 1_000
            return float(text)
    except ValueError:
        pass
    raise InvalidCell("must be a number")


def parse_boolean(text: str | None) -> bool | None:
    """`true` or `false` in any case, or None if missing. Raises InvalidCell."""
    if text is None or (text := text.strip()) in MISSING_TEXTS:
        return None
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise InvalidCell("must be true or false") from None


def parse_date(value) -> datetime:
    """A date or date-time in ISO 8601, as naive UTC. One that is parsed already is kept."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise InvalidCell("must be a date such as 2026-01-31")
    try:
        parsed = datetime.fromisoformat(value.strip())
        return parsed.astimezone(UTC).replace(tzinfo=None) if parsed.tzinfo else parsed
    except (ValueError, OverflowError):
        raise InvalidCell("must be a date such as 2026-01-31 or 2026-01-31T14:05:00") from None


def _check_number(value) -> float:
    if type(value) not in NUMBERS:
        raise InvalidCell("must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidCell("must be a finite number")
    return number


def _check_integer(value) -> None:
    number = _check_number(value)
    if number != math.floor(number):
        raise InvalidCell("must be an integer")


def _check_text(value) -> None:
    if type(value) is not str:
        raise InvalidCell("must be text")


def _check_boolean(value) -> None:
    if type(value) is not bool:
        raise InvalidCell("must be true or false")


CHECKS = {
    "number": _check_number,
    "integer": _check_integer,
    "text": _check_text,
    "boolean": _check_boolean,
    "date": parse_date,
}
JSON = CellRules()
TEXT = TextCellRules()
