"""The form of the receipt page: corrections to fields, and back."""

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict

from catalog.receipt.forms import MAX_COLUMNS, ReceiptForm

COLUMNS = [
    {"name": "city", "type": "text", "nullable": False},
    {"name": "size", "type": "number", "nullable": True},
]
RECIPE = {
    "format": "csv", "compression": None, "encoding": "cp1252", "delimiter": ";", "quote": '"', "escape": None,
    "decimal": ".", "skip": 2, "spaced": False, "columns": COLUMNS,
}  # fmt: skip
# All that the form can correct of this recipe.
ALL = {
    "format": "csv",
    "encoding": "utf-8",
    "delimiter": "^",
    "quote": "'",
    "escape": "\\",
    "skip": 0,
    "header": False,
    "footer": 1,
    "decimal": ",",
    "thousands": " ",
    "missing": ["", "?"],
    "columns": [
        {"source": "city", "name": "town", "type": "category"},
        {
            "source": "size",
            "type": "date",
            "on_error": "missing",
            "format": {"date": ["%d %B %Y"], "missing": ["-"]},
        },
    ],
}


def sent(form, **changes) -> QueryDict:
    """What a browser sends of a form."""
    data = QueryDict(mutable=True)
    rows = [
        [row[name] for name in ("source", "name", "type", "missing")] + row["options"] + row["hidden"]
        for row in form.rows()
    ]
    of_dataset = [form[name] for name in ("name", "description", "new_version")]
    for bound in [*of_dataset, *form.file_fields, *(field for row in rows for field in row)]:
        value = bound.value()
        if value is not None and value is not False:
            data[bound.html_name] = value
    for name, value in changes.items():
        data[name] = value
    return data


def submitted(corrections=None, recipe=RECIPE, **changes) -> ReceiptForm:
    """The form after it was sent with these changes."""
    corrections = corrections or {}
    data = sent(ReceiptForm(recipe=recipe, corrections=corrections), **changes)
    form = ReceiptForm(data, recipe=recipe, corrections=corrections)
    assert form.is_valid(), form.errors
    return form


def test_a_form_that_is_sent_unchanged_corrects_nothing():
    assert submitted().to_corrections() == {}


def test_all_corrections_are_shown_and_sent_again():
    recipe = RECIPE | {"columns": [{**COLUMNS[0], "name": "town", "source": "city"}, COLUMNS[1]]}
    assert submitted(ALL, recipe).to_corrections() == ALL


def test_the_fields_of_other_formats_are_not_there():
    recipe = RECIPE | dict.fromkeys(["encoding", "delimiter", "skip", "decimal"]) | {"format": "parquet"}
    assert [field.name for field in submitted(recipe=recipe).file_fields] == ["format"]


def test_a_file_that_was_not_read_has_the_fields_of_text():
    names = [field.name for field in ReceiptForm(recipe=None, corrections={}).file_fields]
    assert {"encoding", "delimiter", "quote", "skip"} <= set(names)


def test_another_delimiter_is_entered_as_text():
    form = submitted(delimiter="other", other_delimiter="^")
    assert form.to_corrections() == {"delimiter": "^"}
    assert "other_delimiter" in [field.name for field in form.file_fields]


def test_only_the_changed_columns_are_corrected():
    form = submitted(**{"column-1-name": "area", "column-1-numbers": "1.234,5"})
    format_ = {"decimal": ",", "thousands": "."}
    assert form.to_corrections() == {"columns": [{"source": "size", "name": "area", "format": format_}]}


def test_a_renamed_column_is_named_by_its_name_in_the_file():
    corrections = {"columns": [{"source": "size", "name": "area"}]}
    recipe = RECIPE | {"columns": [COLUMNS[0], COLUMNS[1] | {"name": "area", "source": "size"}]}
    assert submitted(corrections, recipe).to_corrections() == corrections
    assert submitted(corrections, recipe, **{"column-1-name": "size"}).to_corrections() == {}


def test_what_was_set_for_another_type_is_kept_and_corrects_nothing():
    corrections = {"columns": [{"source": "size", "format": {"decimal": ","}}]}
    data = sent(ReceiptForm(recipe=RECIPE, corrections=corrections), **{"column-1-type": "text"})
    form = ReceiptForm(data, recipe=RECIPE, corrections=corrections)
    assert form.is_valid()
    assert form.to_corrections() == {"columns": [{"source": "size", "type": "text"}]}
    assert [field.value() for field in form.rows()[1]["hidden"]] == ["1234,5"]


def test_columns_that_are_not_on_the_page_keep_their_corrections():
    columns = [
        {"name": f"c{number}", "type": "integer", "nullable": False} for number in range(MAX_COLUMNS + 50)
    ]
    corrections = {"columns": [{"source": "c149", "type": "text"}]}
    form = submitted(corrections, RECIPE | {"columns": columns}, **{"column-0-type": "text"})
    assert len(form.columns) == MAX_COLUMNS
    assert form.to_corrections() == {
        "columns": [{"source": "c149", "type": "text"}, {"source": "c0", "type": "text"}]
    }


def test_a_filter_finds_columns_by_their_name():
    form = ReceiptForm(recipe=RECIPE, corrections={}, initial={"find": "SI"})
    assert [column["name"] for _, column in form.columns] == ["size"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("delimiter", "delimiter"),
        ("escape", "quote"),
        ("columns.1.type", "column-1-type"),
        ("columns.1.format.date", "column-1-date"),
        ("columns.1.format.decimal", "column-1-numbers"),
        ("spaced", "__all__"),
    ],
)
def test_an_error_of_a_recipe_is_shown_beside_its_field(path, field):
    form = submitted(**{"column-1-type": "date"})
    form.to_corrections()
    form.add_recipe_error(ValidationError({path: ValidationError("Wrong.", code="wrong")}))
    assert list(form.errors) == [field]


def test_an_error_about_a_column_is_shown_beside_its_type():
    form = submitted(**{"column-0-type": "date"})
    form.to_corrections()
    form.add_recipe_error(ValidationError({"columns": "Line 2: `x` in column `city` is not a date."}))
    assert list(form.errors) == ["column-0-type"]


def test_an_unknown_field_is_an_error():
    form = ReceiptForm(QueryDict("delimeter=x"), recipe=RECIPE, corrections={})
    assert form.errors["__all__"] == ["Unknown field `delimeter`. Did you mean `delimiter`?"]
