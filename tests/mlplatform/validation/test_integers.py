"""Only ASCII digits are an integer."""

import pytest

from mlplatform.validation import integers


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_ascii_digits_are_an_integer(text, number):
    assert integers.parse(text) == number


@pytest.mark.parametrize(
    "text", ["", "²", "٣", "-1", "+1", "1.0", "1_000", " 1", "1\n", "1e3", "9" * 19, "9" * 5000]
)
def test_other_text_is_not(text):
    assert integers.parse(text) is None
