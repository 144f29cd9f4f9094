import pytest

from catalog import display


def test_years_and_identifiers_have_no_thousands_separators(make_dataset):
    rows = "".join(f"{100_000 + i},{1990 + i}\n" for i in range(30))
    columns = display.columns(make_dataset("cars", "id,year\n" + rows))
    assert [(column["min"], column["max"]) for column in columns] == [(100_000, 100_029), (1990, 2019)]
    assert [column["mean"] for column in columns] == ["100014", "2004"]


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (None, None), (0.1, "0.1"), ("x" * 70, "x" * 59 + "…")]
)
def test_a_preview_cell_is_formatted_and_truncated(value, text):
    assert display.cell_text(value) == text
