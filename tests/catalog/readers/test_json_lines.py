"""JSON lines and arrays of objects."""

import json

import pandas as pd
import pytest

from tests.catalog.readers.reading import error_of, table, types


def test_json_objects_can_have_different_keys():
    frame = table('{"a": 1, "b": "x"}\n\n{"b": "y", "c": 2.5}\n', "t.jsonl")
    assert frame["a"].tolist() == [1, pd.NA]
    assert frame["c"].isna().tolist() == [True, False]
    assert [str(kind) for kind in frame.dtypes] == ["Int64", "str", "float64"]


def test_json_values_have_the_type_of_their_column():
    content = '{"a": 1, "b": true, "c": "2024-01-01", "d": 1}\n{"a": 2.5, "b": false, "c": null, "d": "x"}\n'
    assert types(content) == {"a": "number", "b": "boolean", "c": "date", "d": "text"}
    assert table(content)["d"].tolist() == ["1", "x"]


def test_json_numbers_over_64_bits_stay_text():
    assert table('{"a": 99999999999999999999}\n{"a": 1}\n')["a"].tolist() == ["99999999999999999999", "1"]


def test_a_json_array_of_objects_is_read_like_json_lines():
    rows = [{"a": i, "b": f"[{i}], {{"} for i in range(70_000)]
    frame = table(json.dumps(rows, indent=1), "t.json")
    assert frame.to_dict("records") == rows


@pytest.mark.parametrize(
    ("content", "start"),
    [
        ('{"a": 1}\n[2]\n', "Line 2 is not a JSON object"),
        ('{"a": 1}\n\n{"a": \n', "Line 3 is not valid JSON"),
        ('{"a": 1}\n{"a": {"b": 1}}\n', "Line 2: `a` is an object or a list"),
        ('[{"a": 1},\n{"a": 2}', "Line 2 is not valid JSON, or the file is incomplete"),
        ('{"a": "\\ud800"}\n', "Line 1 contains half of a surrogate pair"),
        ('{"a": "\\u0000"}\n', "Line 1 contains a NUL"),
        ('{"a": ' + "[" * 50_000, "Line 1 is not valid JSON"),
    ],
)
def test_invalid_json_is_reported_with_its_line_number(content, start):
    assert error_of(content)[1].startswith(start)


def test_a_jsonl_file_without_objects_is_invalid_json():
    assert error_of("1\n2\n", "numbers.jsonl")[0] == "invalid_json"


def test_a_key_that_cannot_be_a_column_name_is_rejected():
    assert error_of('{" a": 1}\n')[0] == error_of('{"": 1}\n')[0] == "column_name"
