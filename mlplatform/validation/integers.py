"""What is an integer in a request: a JSON integer, or ASCII digits.

Python's int() also reads `1_000`, spaces and the digits of other scripts, and raises for more than 4,300 digits;
str.isdigit() is true for `²`, which int() does not read.
"""

import re

from django import forms
from rest_framework import serializers

is_integer = re.compile(r"[0-9]{1,18}").fullmatch  # at most 63 bits, for PostgreSQL and SQLite
NO_INTEGER = re.compile(r"\A(?!-?[0-9]+\Z).*", re.DOTALL)


def parse(text: str) -> int | None:
    """A number of up to 18 ASCII digits; None for any other text."""
    return int(text) if is_integer(text) else None


def refuse_others(field: forms.Field | serializers.Field) -> None:
    """Make a field of Django or DRF that reads integers refuse all else: both read 1.0 as 1.

    They remove `re_decimal` from a text, which is `.0` by default, and refuse an empty one.
    """
    if isinstance(field, forms.IntegerField | serializers.IntegerField):
        field.re_decimal = NO_INTEGER
    if isinstance(field, serializers.ListField | serializers.DictField):
        refuse_others(field.child)
