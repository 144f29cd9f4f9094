import pytest

from catalog import display


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (None, None), (0.1, "0.1"), ("x" * 70, "x" * 59 + "…")]
)
def test_a_preview_cell_is_formatted_and_truncated(value, text):
    assert display.cell_text(value) == text
