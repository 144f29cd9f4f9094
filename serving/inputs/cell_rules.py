"""What a cell may hold for each type of column: the rules of JSON, and of text as a CSV file has it.

Each rule stands twice: for whole columns at once, which is how rows are read, and for one value, which finds the
cell that does not fit and says what is wrong with it. Both must agree.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

import numpy as np

from catalog.readers.column_types import MISSING

NUMBERS = {int, float, type(None)}
TEXTS = {str, type(None)}
BOOLEANS = {bool, type(None)}
GAPS = frozenset(MISSING)


class Wrong(Exception):
    """What is wrong with a cell, without the caller's data."""


class Rules:
    """JSON: a value is what it is; nothing passes for text or a number but itself, and null is missing."""

    def numbers(self, columns: list[Sequence], count: int, whole: list[int]) -> np.ndarray:
        """float64 (rows, columns); the columns in the places `whole` may hold whole numbers only."""
        if not columns:
            return np.empty((count, 0))
        kinds = set(map(type, chain.from_iterable(columns)))
        if not kinds <= NUMBERS:
            raise Wrong("must be a number")
        try:
            block = np.array(columns, dtype=np.float64).T
        except OverflowError:
            raise Wrong("must be a finite number") from None
        finite = np.isfinite(block)
        if not finite.all():
            gaps = sum(values.count(None) for values in columns) if type(None) in kinds else 0
            if np.isinf(block).any() or block.size - np.count_nonzero(finite) != gaps:
                raise Wrong("must be a finite number")
        if whole and float in kinds:
            part = block[:, whole]
            if not ((part == np.floor(part)) | np.isnan(part)).all():
                raise Wrong("must be a whole number")
        return block

    def dates(self, columns: list[Sequence], count: int) -> np.ndarray:
        """datetime64[us] (rows, columns) in UTC."""
        if not columns:
            return np.empty((count, 0), dtype="M8[us]")
        return np.array(
            [[None if value is None else moment(value) for value in values] for values in columns],
            dtype="M8[us]",
        ).T

    def texts(self, values: Sequence) -> Sequence:
        if not set(map(type, values)) <= TEXTS:
            raise Wrong("must be text")
        return values

    def booleans(self, values: Sequence) -> Sequence:
        if not set(map(type, values)) <= BOOLEANS:
            raise Wrong("must be true or false")
        return values

    def check(self, kind: str, value) -> None:
        """Raise Wrong with what is wrong with one value."""
        if value is not None:
            CHECKS[kind](value)


class TextRules(Rules):
    """CSV: every cell is a text that is read as its column's type; what pandas takes for a gap is one."""

    def numbers(self, columns, count, whole):
        return super().numbers([[number_of(value) for value in values] for values in columns], count, whole)

    def dates(self, columns, count):
        return super().dates([[gap_or(value) for value in values] for values in columns], count)

    def texts(self, values):
        return super().texts([gap_or(value) for value in values])

    def booleans(self, values):
        return super().booleans([boolean_of(value) for value in values])

    def check(self, kind, value):
        read = {"number": number_of, "integer": number_of, "boolean": boolean_of}.get(kind, gap_or)
        super().check(kind, read(value))


def gap_or(text: str | None) -> str | None:
    return None if text is None or text in GAPS else text


def number_of(text: str | None) -> float | None:
    if text is None or (text := text.strip()) in GAPS:
        return None
    try:
        if "_" not in text:  # Python's own way to write a million
            return float(text)
    except ValueError:
        pass
    raise Wrong("must be a number")


def boolean_of(text: str | None) -> bool | None:
    if text is None or (text := text.strip()) in GAPS:
        return None
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise Wrong("must be true or false") from None


def moment(value) -> datetime:
    """A date or a moment in ISO 8601, in UTC without a zone."""
    if not isinstance(value, str):
        raise Wrong("must be a date such as 2026-01-31")
    try:
        found = datetime.fromisoformat(value.strip())
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        raise Wrong("must be a date such as 2026-01-31 or 2026-01-31T14:05:00") from None


def _number(value) -> float:
    if type(value) not in NUMBERS:
        raise Wrong("must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Wrong("must be a finite number")
    return number


def _integer(value) -> None:
    number = _number(value)
    if number != math.floor(number):
        raise Wrong("must be a whole number")


def _text(value) -> None:
    if type(value) is not str:
        raise Wrong("must be text")


def _boolean(value) -> None:
    if type(value) is not bool:
        raise Wrong("must be true or false")


CHECKS = {"number": _number, "integer": _integer, "text": _text, "boolean": _boolean, "date": moment}
JSON = Rules()
TEXT = TextRules()
