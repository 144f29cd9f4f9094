"""Integers that clients write as text.

Python's int() also reads `1_000`, spaces and the digits of other scripts, and raises for more than 4,300 digits;
str.isdigit() is true for `²`, which int() does not read.
"""

import re

is_integer = re.compile(r"[0-9]{1,18}").fullmatch  # of at most 63 bits, for PostgreSQL and SQLite


def parse(text: str) -> int | None:
    """A number of up to 18 ASCII digits; None for any other text."""
    return int(text) if is_integer(text) else None
