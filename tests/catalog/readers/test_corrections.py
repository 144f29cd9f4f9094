"""Corrections of a recipe: what is set is kept, the rest is detected around it, and what does not fit is refused."""

import io
import json

import pyarrow as pa
import pytest
from django.core.exceptions import ValidationError

from catalog.readers import tables
from catalog.readers.corrections import Corrections
from tests.catalog.readers.reading import parquet, recipe_of

GERMAN = "Stadt;Umsatz;PLZ\nKöln;1,5;01067\nBonn;2,25;53111\n".encode("cp1252")
JSON = '{"a": 1, "b": "7"}\n{"a": 2, "b": "x"}\n'
PARQUET = parquet(pa.table({"a": [1, 2], "b": ["7", "x"]}))


def detect(content, filename="table.csv", **recipe):
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return file, tables.detect(file, filename, corrections=Corrections.from_dict(recipe)).recipe


def read(content, **recipe):
    return tables.read(*detect(content, **recipe)).to_dict("list")


def errors(content, **recipe):
    """The codes and the first sentence of each field."""
    with pytest.raises(ValidationError) as caught:
        detect(content, **recipe)
    return {field: found[0] for field, found in caught.value.message_dict.items()}


def test_what_is_set_is_kept_and_the_rest_detected_around_it():
    _, recipe = detect("a;b,c\n1;2,3\n4;5,6\n7;8,9\n", delimiter=",")
    assert (recipe.delimiter, recipe.names) == (",", ["a;b", "c"])
    assert detect("a;b,c\n1;2,3\n4;5,6\n7;8,9\n")[1].names == ["a", "b,c"]


@pytest.mark.parametrize(
    ("content", "recipe", "table"),
    [
        (GERMAN, {"encoding": "cp850"}, {"Stadt": ["K÷ln", "Bonn"]}),
        ("x\na,b\n1,2\n", {"skip": 1}, {"a": [1], "b": [2]}),
        ("x|y\nz\n1|2\n", {"delimiter": ";"}, {"x|y": ["z", "1|2"]}),
        ('n,v\n5" pipe,1\n6" pipe,2\n', {"quote": ""}, {"n": ['5" pipe', '6" pipe']}),
        ("a;b\n1,500;2\n", {"decimal": ","}, {"a": [1.5]}),
        ("a, b\n1, x\n", {"spaced": False}, {"b": [" x"]}),
        ("a§b\n1§2\n", {"delimiter": "§"}, {"a": [1], "b": [2]}),
        ("a,b\nc,d\n", {"header": False}, {"column_1": ["a", "c"]}),
        ("1,2\n3,4\n", {"header": True}, {"1": [3], "2": [4]}),
        ("a,b\nx,y\n\n1,2\n", {"skip_below": 2}, {"a": [1]}),
        ("a,b\n1,2\nTotal,3\n", {"footer": 1}, {"a": [1]}),
        ("ab1\nxy2\n", {"widths": [0, 2], "header": False}, {"column_1": ["ab", "xy"], "column_2": [1, 2]}),
        ("a ; b\nx ; 2\n", {"delimiter": ";", "padded": True}, {"a": ["x"]}),
    ],
    ids=[
        *(
            "encoding",
            "skip",
            "delimiter",
            "no quotes",
            "decimal",
            "spaces",
            "delimiter beyond ASCII",
            "no header",
        ),
        *("header of numbers", "lines below the header", "footer", "widths", "padded"),
    ],
)
def test_each_option_of_a_recipe_can_be_set(content, recipe, table):
    found = read(content, **recipe)
    assert {name: found[name] for name in table} == table


WRITTEN_ODDLY = {
    "no header": "1,2\n3,4\n",
    "title and note": "Report\n\na,b\n1,2\n3,4\n5,6\n\nSource: x\n",
    "trailing": "a,b,\n1,2,\n",
    "row names": '"a" "b"\n"1" 2 3\n"2" 4 5\n',
    "fixed width": "a     b\n----- ---\nx y   1\nz     2\n",
    "Markdown": "| a | b |\n|---|---|\n| 1 | x |\n",
    "units": "a,b\nkg,m\n1,2\n3,4\n5,6\n",
}


def test_the_empty_column_behind_a_trailing_delimiter_can_be_kept():
    assert list(read("a,b,\n1,2,\n", trailing=False)) == ["a", "b", "Unnamed: 2"]


@pytest.mark.parametrize(
    "content",
    [GERMAN, JSON, PARQUET, *WRITTEN_ODDLY.values()],
    ids=["csv", "jsonl", "parquet", *WRITTEN_ODDLY],
)
def test_a_whole_recipe_reads_the_file_as_before(content):
    recipe = recipe_of(content)
    assert detect(content, **json.loads(json.dumps(recipe.to_dict())))[1] == recipe


@pytest.mark.parametrize("content", ["a,b\n1,7\n2,x\n", JSON, PARQUET], ids=["csv", "jsonl", "parquet"])
def test_columns_are_renamed_and_retyped_in_any_format(content):
    columns = [{"source": "a", "name": "count", "type": "number"}, {"name": "b", "type": "category"}]
    file, recipe = detect(content, columns=columns)
    assert [column.to_dict() for column in recipe.columns] == [
        {"name": "count", "type": "number", "nullable": False, "source": "a"},
        {"name": "b", "type": "text", "nullable": False, "role": "category"},
    ]
    assert tables.read(file, recipe).to_dict("list") == {"count": [1.0, 2.0], "b": ["7", "x"]}
    batch = next(tables.raw_batches(file, recipe))
    assert batch.schema.names == ["count", "b"]


@pytest.mark.parametrize(
    ("content", "where"),
    [("a,b\n1,7\n\n2,x\n", "Line 4"), (JSON, "Line 2"), (PARQUET, "Row 2")],
    ids=["csv", "jsonl", "parquet"],
)
def test_a_type_that_a_value_cannot_have_is_refused_with_its_line_and_value(content, where):
    found = errors(content, columns=[{"name": "b", "type": "integer"}])
    assert found["columns"].startswith(f"{where}: `x` in column `b` is not an integer.")


def test_codes_with_leading_zeros_can_be_read_as_numbers():
    columns = [{"name": "PLZ", "type": "integer"}]
    assert read(GERMAN, columns=columns)["PLZ"] == [1067, 53111]


@pytest.mark.parametrize(
    ("recipe", "field", "sentence"),
    [
        ({"delimiter": "abc"}, "delimiter", "The delimiter `abc` is not one character"),
        ({"delimiter": ""}, "delimiter", "not one character"),
        ({"delimiter": "a"}, "delimiter", "cannot be a letter"),
        ({"delimeter": ";"}, "delimeter", "Did you mean `delimiter`?"),
        ({"encoding": "utf-9"}, "encoding", "Unknown encoding `utf-9`"),
        ({"encoding": "base64"}, "encoding", "Unknown encoding"),
        ({"encoding": "utf-8"}, "encoding", "Line 2 is not valid UTF-8 text."),
        ({"skip": -1}, "skip", "Must be from 0"),
        ({"skip": True}, "skip", "Must be an integer."),
        ({"skip": 9}, "skip", "The file has 3 lines"),
        ({"quote": "abc"}, "quote", "Must be one of"),
        ({"decimal": 1}, "decimal", "Must be one of"),
        ({"spaced": "yes"}, "spaced", "Must be true or false."),
        ({"widths": [5, 0]}, "widths", "counted from 0 and rising"),
        ({"widths": [True]}, "widths", "Must be a list of integers."),
        ({"format": "parquet"}, "format", "The file is not Parquet."),
        ({"columns": {}}, "columns", "Must be a list."),
        ({"columns": [{"name": "Stat"}]}, "columns", "no column `Stat`. Did you mean `Stadt`?"),
        ({"columns": [{"name": "PLZ", "source": "Umsatz"}]}, "columns", "Duplicate column names: `PLZ`."),
        ({"columns": [{"name": "PLZ"}, {"source": "PLZ"}]}, "columns", "The column `PLZ` is listed twice."),
        ({"columns": [{"type": "text"}]}, "columns.1", "Name the column"),
        ({"columns": [{"name": "PLZ", "type": "int"}]}, "columns.1.type", "Must be one of `integer`"),
        ({"columns": [{"name": "PLZ", "typ": "text"}]}, "columns.1.typ", "Did you mean `columns.1.type`?"),
        ({"columns": [{"name": "PLZ", "format": {"date": 1}}]}, "columns.1.format.date", "Must be a list."),
        (
            {"columns": [{"name": "PLZ", "format": {"date": "%d.%Q"}}]},
            "columns.1.format.date",
            "directive %Q",
        ),
        ({"columns": [{"name": "PLZ", "format": {"date": ""}}]}, "columns.1.format.date", "needs a year"),
        ({"decimal": ",", "thousands": ","}, "thousands", "`,` cannot be the mark of both"),
        ({"missing": ["\0"]}, "missing", "Null characters are not allowed."),
    ],
)
def test_what_does_not_fit_is_refused_by_field(recipe, field, sentence):
    found = errors(GERMAN, **recipe)
    assert list(found) == [field]
    assert sentence in found[field]


@pytest.mark.parametrize("recipe", [[], "x", 1, None])
def test_a_recipe_that_is_no_object_is_refused(recipe):
    with pytest.raises(ValidationError, match="Must be a JSON object"):
        Corrections.from_dict(recipe)


@pytest.mark.parametrize("encoding", ["utf8", "UTF-8", "utf-8-sig"])
def test_a_byte_order_mark_is_not_part_of_the_first_name(encoding):
    _, recipe = detect("\ufeffa,b\n1,2\n", encoding=encoding)
    assert (recipe.names, recipe.encoding) == (["a", "b"], "utf-8-sig")


ODD = "a,b\n1,7\n2,?\n3,x\n4,x\n5,9\n"


def on_error(content, choice, **column):
    columns = [{"name": "b", "on_error": choice, **column}]
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    reading = tables.detect(file, "t.csv", corrections=Corrections.from_dict({"columns": columns}))
    return tables.read(file, reading.recipe)["b"], reading


def test_values_that_a_type_cannot_have_are_read_as_missing_if_it_is_set_and_said():
    values, reading = on_error(ODD, "missing", type="integer")
    assert values.isna().tolist() == [False, True, True, True, False]
    assert [finding.sentence for finding in reading.findings if finding.code == "odd_tokens"][-1] == (
        "2 of 5 values of `b` are integers; line 3 is `?`, the first of 3 that are not: read as missing, as it is set."
    )
    column = reading.recipe.columns[1]
    assert column.nullable and {"?", "x", "NA"} <= set(column.format.missing)
    assert detect(ODD, **json.loads(json.dumps(reading.recipe.to_dict())))[1] == reading.recipe


def test_values_of_json_that_a_type_cannot_have_are_read_as_missing_if_it_is_set():
    content = '{"a": 1, "b": "7"}\n{"a": 2, "b": "x"}\n{"a": 2, "b": 8}\n'
    values, _ = on_error(content, "missing", type="number")
    assert values.isna().tolist() == [False, True, False]


def test_a_column_without_any_value_of_its_type_is_refused_although_others_are_missing():
    found = errors("a,b\n1,x\n2,y\n", columns=[{"name": "b", "type": "date", "on_error": "missing"}])
    assert (
        found["columns"] == "Line 2: `x` in column `b` is not a date. Set another type, or correct the file."
    )


def test_a_file_with_other_values_is_refused_if_it_is_set():
    content = "a,b\n1,7\n2,8\n3,?\n4,6\n5,9\n"
    assert recipe_of(content).columns[1].type == "integer"
    found = errors(content, columns=[{"name": "b", "on_error": "refuse"}])
    assert found["columns"].startswith("Line 4: `?` in column `b` is not an integer.")
    assert on_error("a,b\n1,7\n2,NA\n", "refuse")[0].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "recipe"),
    [
        (PARQUET, {"delimiter": ";"}),
        (PARQUET, {"encoding": "cp1252"}),
        (PARQUET, {"header": False}),
        (JSON, {"skip": 1}),
        (JSON, {"quote": "'"}),
    ],
)
def test_an_option_that_the_format_does_not_have_is_refused(content, recipe):
    found = errors(content, **recipe)
    assert list(found) == list(recipe)
    assert "which has no" in found[next(iter(recipe))]


def test_findings_about_a_renamed_column_have_its_new_name():
    file = io.BytesIO(GERMAN)
    corrections = Corrections.from_dict({"columns": [{"source": "PLZ", "name": "zip"}]})
    findings = tables.detect(file, "t.csv", corrections=corrections).findings
    assert [finding.column for finding in findings if finding.code == "leading_zeros"] == ["zip"]


@pytest.mark.parametrize("decimal", [{}, {"decimal": ","}])
def test_points_are_marks_of_thousands_if_it_is_set(decimal):
    content = "Stadt;Umsatz;Filialen\nKöln;1.234;7\nBonn;12.500;3\n"
    assert read(content)["Umsatz"] == [1.234, 12.5]
    found = read(content, thousands=".", **decimal)
    assert (found["Umsatz"], found["Filialen"], found["Stadt"]) == ([1234, 12500], [7, 3], ["Köln", "Bonn"])
    assert read(content, columns=[{"name": "Umsatz", "format": {"thousands": "."}}])["Umsatz"] == [
        1234,
        12500,
    ]


def test_commas_are_decimal_marks_if_no_mark_of_thousands_is_set():
    content = 'a,b\n"1,234",1\n"2,500",2\n'
    assert read(content)["a"] == [1234, 2500]
    assert read(content, thousands="", decimal=",")["a"] == [1.234, 2.5]


def test_marks_of_missing_values_are_those_of_all_columns_that_have_no_others():
    content = "a,b,c\n1,NA,x\n-9,NA,-9\n3,y,-9\n"
    file, recipe = detect(content, missing=["-9"], columns=[{"name": "c", "format": {"missing": []}}])
    frame = tables.read(file, recipe)
    assert frame["a"].isna().tolist() == [False, True, False]
    assert (frame["b"].tolist(), frame["c"].tolist()) == (["NA", "NA", "y"], ["x", "-9", "-9"])


def test_a_date_format_decides_how_ambiguous_dates_are_read():
    content = "day,v\n01/02/2024,1\n03/04/2024,2\n"
    days = read(content, columns=[{"name": "day", "format": {"date": "%m/%d/%Y"}}])["day"]
    assert [day.month for day in days] == [1, 3]


def test_the_words_for_true_and_false_can_be_set():
    content = "a,b\noui,%\n"
    columns = [{"name": "a", "type": "boolean", "format": {"true": "oui", "false": "non"}}]
    assert read(content, columns=columns)["a"] == [True]
