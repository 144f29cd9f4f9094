"""JSON lines and arrays of objects."""

import io
import json

import pandas as pd
import pytest

from catalog.readers import tables
from catalog.readers.json.reader import SchemaInference
from tests.catalog.readers.reading import assumptions, error_of, findings, table, types


def test_json_objects_can_have_different_keys():
    frame = table('{"a": 1, "b": "x"}\n\n{"b": "y", "c": 2.5}\n', "t.jsonl")
    assert frame["a"].tolist() == [1, pd.NA]
    assert frame["c"].isna().tolist() == [True, False]
    assert [str(kind) for kind in frame.dtypes] == ["Int64", "str", "float64"]


def test_json_values_have_the_type_of_their_column():
    content = '{"a": 1, "b": true, "c": "2024-01-01", "d": 1}\n{"a": 2.5, "b": false, "c": null, "d": "x"}\n'
    assert types(content) == {"a": "number", "b": "boolean", "c": "date", "d": "text"}
    assert table(content)["d"].tolist() == ["1", "x"]


class CountedRow(dict):
    """Counts how often any row is read."""

    reads = 0

    def items(self):
        CountedRow.reads += 1
        return super().items()

    def get(self, *args):
        CountedRow.reads += 1
        return super().get(*args)


def test_the_schema_of_objects_with_different_keys_is_inferred_in_linear_time(monkeypatch):
    monkeypatch.setattr(CountedRow, "reads", 0)
    rows = [CountedRow({f"key_{i}": i}) for i in range(2_000)]
    schema = SchemaInference()
    schema.update(list(range(2_000)), rows)
    assert CountedRow.reads == 2_000
    assert len(schema.columns()) == 2_000
    assert all(column.nullable for column in schema.columns())


def test_objects_with_few_keys_in_common_are_refused():
    content = "".join(f'{{"key_{i}": 1}}\n' for i in range(3_000))
    code, sentence = error_of(content, "t.jsonl")
    assert code == "sparse_table"
    assert sentence.startswith("The first 3,000 objects have 3,000 different keys, and more than 95%")


def test_batches_of_json_have_at_most_a_million_cells():
    content = json.dumps({f"key_{i}": i for i in range(1_000)}) + '\n{"key_0": 1}' * 3_000
    file = io.BytesIO(content.encode())
    recipe = tables.detect(file, "t.jsonl").recipe
    assert [batch.num_rows for batch in tables.raw_batches(file, recipe)] == [1000, 1000, 1000, 1]


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
        ('{"a": 1}\n{"a": [1]}\n', "Line 2: `a` is a list, or an object in an object"),
        ('{"a": 1}\n{"a": {"b": {"c": 1}}}\n', "Line 2: `a.b` is a list, or an object in an object"),
        ('{"a": {"b": 1}, "a.b": 2}\n', "Line 1 has a key twice"),
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


def test_texts_that_look_like_numbers_or_dates_stay_text_and_are_said():
    rows = [{"price": "12.50", "when": "26/01/2024", "zip": "007", "name": "a"} for _ in range(3)]
    content = "\n".join(map(json.dumps, rows))
    assert set(types(content).values()) == {"text"}
    assert [(found.column, found.code) for found in findings(content)] == [
        ("price", "text_numbers"),
        ("when", "text_dates"),
    ]


def test_texts_and_numbers_in_one_column_are_said():
    assert [found.code for found in findings('{"a": 1}\n{"a": "x"}\n')] == ["mixed_types"]


ROWS = {"id": [1, 2], "city": ["Bergen", "Porto"]}


@pytest.mark.parametrize(
    "content",
    [
        {"data": [{"id": 1, "city": "Bergen"}, {"id": 2, "city": "Porto"}], "count": 2},
        {"columns": ["id", "city"], "index": [0, 1], "data": [[1, "Bergen"], [2, "Porto"]]},
        ROWS,
        {name: {"0": values[0], "1": values[1]} for name, values in ROWS.items()},
        {"0": {"id": 1, "city": "Bergen"}, "1": {"id": 2, "city": "Porto"}},
    ],
    ids=["list in an object", "split", "lists as columns", "objects as columns", "objects as rows"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_one_object_that_is_a_table_is_read_and_said(content, indent):
    text = json.dumps(content, indent=indent)
    assert table(text, "t.json").to_dict("list") == ROWS
    assert assumptions(text)["json_layout"].startswith("The file is one object")


def test_objects_over_several_lines_are_read_one_after_the_other():
    content = "".join(json.dumps({"id": i, "x": "y" * 100}, indent=2) + "\n" for i in range(20_000))
    assert table(content)["id"].tolist() == list(range(20_000))
    assert error_of(content + "{")[1].startswith("Line 80001".replace("80001", "80,001"))


def test_objects_in_objects_become_columns_and_are_said():
    content = '{"id": 1, "at": null}\n{"id": 2, "at": {"city": "Porto", "zip": "01"}}\n'
    assert list(table(content)) == ["id", "at.city", "at.zip"]
    assert (
        assumptions(content)["flattened"]
        == "The values of `at` are objects: their keys are columns, named as `at.key`."
    )


def test_one_object_that_is_a_row_is_read_as_one():
    assert table('{"id": 1, "city": "Bergen"}').to_dict("list") == {"id": [1], "city": ["Bergen"]}
