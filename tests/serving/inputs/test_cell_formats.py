"""Predictions read each cell as the training did: the signature has the formats of the columns."""

import io

import pandas
import pytest
from django.core.exceptions import ValidationError

from catalog.readers import tables
from registry.training import signature
from registry.training.columns import feature_frame
from serving.inputs import cell_rules, files
from serving.inputs.reader import Reader

TABLE = """\
price;weight;amount;when;seen;churn;country;garage
1.234,50 €;60 kg;1,5;26/01/2024;03-Jan-24;Yes;NO;big
12,00 €;?;2;27/01/2024 10:30;0000-00-00;no;NA;NA
;61kg;-;;04-Jan-24;YES;DE;
(5,00 €);62 kg;n.a.;01/02/2024;;;FR;small
"""


def detected(content, filename="t.csv"):
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return file, tables.detect(file, filename).recipe


def inputs_of(recipe):
    return signature.columns_of(recipe.to_dict())


@pytest.fixture
def trained():
    """The rows of the table as a training reads them, and a reader of its signature."""
    file, recipe = detected(TABLE)
    inputs = inputs_of(recipe)
    return feature_frame(tables.read(file, recipe), inputs), Reader(inputs)


def test_cells_of_a_csv_body_are_read_as_in_training(trained):
    frame, reader = trained
    rows = [line.split(";") for line in TABLE.splitlines()[1:]]
    pandas.testing.assert_frame_equal(reader.from_rows(rows, rules=cell_rules.TEXT).to_frame(), frame)


def test_cells_of_a_file_are_read_as_in_training(trained):
    frame, reader = trained
    file, recipe = detected(TABLE)
    (batch,) = tables.raw_batches(file, recipe)
    pandas.testing.assert_frame_equal(files.from_batch(batch, reader, recipe=recipe).to_frame(), frame)


def test_texts_of_json_are_read_as_in_training(trained):
    frame, reader = trained
    row = [1234.5, 60, 1.5, "26/01/2024", "03-Jan-24", "YES", "NO", "big"]
    second = [12, None, 2, "2024-01-27T10:30", None, False, "NA", "NA"]
    pandas.testing.assert_frame_equal(reader.from_rows([row, second]).to_frame(), frame.head(2))


def test_a_cell_that_the_format_does_not_have_is_named(trained):
    _, reader = trained
    row = TABLE.splitlines()[1].split(";")
    row[0], row[3] = "12.5.1", "2024/13/01"
    with pytest.raises(ValidationError) as error:
        reader.from_rows([row], rules=cell_rules.TEXT)
    assert error.value.message_dict["input_data"] == [
        "Row 1, column `price` must be a number.",
        "Row 1, column `when` must be a date such as 2026-01-31.",
    ]


def test_programs_can_send_decimal_points_if_they_are_not_thousands():
    _, recipe = detected("x;y\n1,5;a\n2,25;b\n")
    reader = Reader(inputs_of(recipe))
    assert reader.from_rows([["1.5", "a"]], rules=cell_rules.TEXT).numbers.tolist() == [[1.5]]
    with pytest.raises(ValidationError):
        reader.from_rows([["1.234", "a"]], rules=cell_rules.TEXT)


def test_na_is_a_value_if_it_was_one_in_the_training_data():
    _, recipe = detected(b'{"country": "NA"}\n{"country": "NO"}\n', "t.jsonl")
    assert Reader(inputs_of(recipe)).from_rows([["NA"]]).text == [("NA",)]
    _, recipe = detected("country,y\nNA,1\nOslo,2\n")
    assert Reader(inputs_of(recipe)).from_rows([["NA", 1]]).text == [[None]]


def test_signatures_without_formats_are_read_as_before():
    reader = Reader([{"name": "country", "type": "text", "nullable": True}])
    assert reader.from_rows([["NA"]]).text == [("NA",)]
    assert reader.from_rows([["NA"]], rules=cell_rules.TEXT).text == [[None]]
