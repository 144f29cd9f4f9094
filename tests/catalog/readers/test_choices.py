"""The choices about a finding, and what each changes."""

import io

import pytest

from catalog.readers import tables
from catalog.readers.correcting import choices
from catalog.readers.corrections import Corrections, merged

COLUMNS = [
    {"name": "hp", "type": "integer", "nullable": True},
    {"name": "when", "type": "date", "nullable": False, "format": {"date": ["%d/%m/%Y"]}},
    {"name": "zip", "type": "text", "nullable": False, "source": "PLZ"},
]
RECIPE = {"format": "csv", "footer": 1, "columns": COLUMNS}


def choices_of(code, column=None):
    finding = {"code": code, "sentence": "Something.", "column": column, "line": None}
    return choices.of_finding(finding, RECIPE)


def test_tokens_among_numbers_are_missing_text_or_a_reason_to_refuse_the_file():
    found = choices_of("odd_tokens", "hp")
    assert [(choice.label, choice.is_current) for choice in found] == [
        ("Missing", True), ("Text", False), ("Refuse the file", False),
    ]  # fmt: skip
    assert found[1].corrections == {"columns": [{"source": "hp", "type": "text"}]}


def test_day_and_month_are_exchanged():
    day_first, month_first = choices_of("ambiguous_dates", "when")
    assert (day_first.is_current, month_first.is_current) == (True, False)
    assert month_first.corrections["columns"][0]["format"] == {"date": ["%m/%d/%Y"]}


def of_file(content):
    """The choices about the first finding in a file that has some, as pairs of label and corrections."""
    reading = tables.detect(io.BytesIO(content.encode()), "table.csv")
    recipe = reading.recipe.to_dict()
    found = [choices.of_finding(finding.to_dict(), recipe) for finding in reading.findings]
    return {choice.label: choice for choice in next(filter(None, found))}


def test_a_word_that_can_mean_a_missing_value_is_one_or_not():
    found = of_file("country,size\n" + "".join(f"{word},1\n" for word in ["NA", "DE", "FR", "IT"] * 9))
    assert found["Word"].is_current
    before = found["Word"].corrections["columns"][0]["format"]["missing"]
    assert found["Missing"].corrections["columns"][0]["format"]["missing"] == [*before, "NA"]


def test_a_number_that_is_far_from_the_rest_can_be_a_missing_value():
    found = of_file("a,b\n" + "".join(f"{-9999 if row % 7 == 0 else row / 2},{row}\n" for row in range(99)))
    assert found["Number"].is_current
    assert found["Missing"].corrections["columns"][0]["format"]["missing"][-1] == "-9999"


def test_a_point_before_three_digits_can_be_a_mark_of_thousands():
    found = of_file("a;b\n" + "".join(f"{1 + row}.{200 + row};x,{row}\n" for row in range(9)))
    assert found["Decimals"].is_current
    assert found["Thousands"].corrections["columns"][0]["format"] == {"decimal": ",", "thousands": "."}


@pytest.mark.parametrize(("first", "now"), [("1", "Leave it out"), ("Ulm", "Keep it")])
def test_a_total_is_left_out_of_a_column_of_numbers_and_can_be_kept(first, now):
    found = of_file("id,x\n" + f"{first},2\n" * 9 + "Total,18\n\nSource: own survey\n")
    assert [choice.label for choice in found.values() if choice.is_current] == [now]
    assert [choice.corrections["footer"] for choice in found.values()] == [1, 3]


def test_another_sheet_of_a_workbook_is_read():
    sentence = (
        "The workbook has several sheets: `2024` is read, and `2023` and `Notes` left out. Set `sheet`."
    )
    finding = {"code": "several_sheets", "sentence": sentence, "column": None, "line": None}
    found = choices.of_finding(finding, RECIPE | {"sheet": "2024"})
    assert [(choice.corrections["sheet"], choice.is_current) for choice in found] == [
        ("2024", True), ("2023", False), ("Notes", False),
    ]  # fmt: skip


def test_a_renamed_column_is_corrected_by_its_name_in_the_file():
    assert choices_of("leading_zeros", "zip")[1].corrections["columns"] == [
        {"source": "PLZ", "type": "number", "on_error": "missing"}
    ]


def test_a_finding_without_choices_has_none():
    assert choices_of("skipped_lines") == choices_of("a code of the future", "hp") == []


@pytest.mark.parametrize(
    ("code", "column"),
    [(code, "when" if "date" in code else "hp") for code in choices.OF_COLUMN],
)
def test_every_choice_is_a_correction(code, column):
    found = choices_of(code, column)
    assert len([choice for choice in found if choice.is_current]) == 1
    assert len(found) > 1
    for choice in found:
        assert Corrections.from_dict(choice.corrections)


def test_a_choice_replaces_what_was_set_of_its_column_only():
    before = {
        "skip": 1,
        "columns": [
            {"source": "when", "name": "day", "format": {"date": ["%d/%m/%Y"], "missing": ["-"]}},
            {"source": "hp", "type": "text"},
        ],
    }
    change = {"columns": [{"source": "when", "type": "date", "format": {"date": ["%m/%d/%Y"]}}]}
    assert merged(before, change) == {
        "skip": 1,
        "columns": [
            {
                "source": "when",
                "name": "day",
                "type": "date",
                "format": {"date": ["%m/%d/%Y"], "missing": ["-"]},
            },
            {"source": "hp", "type": "text"},
        ],
    }
