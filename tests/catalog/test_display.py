import pytest

from catalog import display

THIN = "\u202f"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.84333, "5.843"),
        (3, "3"),
        (1234567.0, f"1{THIN}234{THIN}567"),
        ("2026-01-31", "2026-01-31"),
        (None, None),
    ],
)
def test_column_statistics_are_rounded(value, text):
    assert display.figure(value, digits=4) == text


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (None, None), (0.1, "0.1"), ("x" * 70, "x" * 59 + "…")]
)
def test_a_preview_cell_is_formatted_and_truncated(value, text):
    assert display.cell_text(value) == text
