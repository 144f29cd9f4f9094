"""Predicting a file with POST /predict/file: cells, rows and batches."""

import io
import threading
from functools import partial

import joblib
import pandas
import pytest
from django.core.exceptions import ValidationError

from catalog.readers.recipe import ParseRecipe
from serving.batch import scorer
from serving.inputs.reader import Reader
from serving.inputs.sources import CsvText
from serving.prediction import predict
from tests.catalog.readers.reading import xlsx
from tests.serving.batch.conftest import content_of


def test_a_csv_file_is_returned_unchanged_with_one_prediction_per_row(send, frame, expected, settings):
    settings.SCORING_BATCH_ROWS = 7
    sent = frame.to_csv(index=False)
    response = send(sent)
    assert 'filename="New Rows_predictions.csv"' in response["Content-Disposition"]
    lines = content_of(response).decode().splitlines()
    assert lines[0] == "length,width,colour,note,prediction"
    for line, before, prediction in zip(lines[1:], sent.splitlines()[1:], expected.predictions, strict=True):
        assert line == f"{before},{prediction}"


def test_a_parquet_file_is_returned_with_predictions_and_probabilities(send, frame, expected, settings):
    settings.SCORING_BATCH_ROWS = 7
    buffer = io.BytesIO()
    frame.assign(prediction=1).to_parquet(buffer)
    read = pandas.read_parquet(
        io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet", probabilities=True)))
    )
    assert read["prediction_2"].tolist() == expected.predictions
    assert read[["probability_rose", "probability_tulip"]].to_numpy().tolist() == expected.probabilities


def test_an_invalid_cell_is_reported_with_its_row_in_the_file(send, frame, settings):
    settings.SCORING_BATCH_ROWS = 7
    frame["length"] = frame["length"].astype(object)
    frame.loc[40, "length"] = "long"
    response = send(frame.to_csv(index=False))
    assert response.status_code == 400
    assert response.json()["fields"]["input_data"] == ["Row 41, column `length` must be a number."]


def test_decimal_commas_are_read_as_in_a_dataset(send):
    points = send("length;width;colour\n9;1.25;red\n5;1.5;blue\n")
    commas = send("length;width;colour\n9;1,25;red\n5;1,5;blue\n")
    assert [line.split(b";")[-1] for line in content_of(points).splitlines()] == [
        line.split(b";")[-1] for line in content_of(commas).splitlines()
    ]


@pytest.mark.parametrize("cell", ["5.000", "1.234.567"])
def test_a_point_that_may_separate_thousands_is_rejected_if_commas_are_decimal(send, cell):
    response = send(f"length;width;colour;x\n6;{cell};red;1,5\n", "x.csv")
    assert response.status_code == 400
    assert "Row 1, column `width` must be a number." in response.data["fields"]["input_data"]


def test_an_integer_with_a_comma_is_rejected(send):
    response = send('length;width;colour\n"5,000";1,5;red\n', "x.csv")
    assert "Row 1, column `length` must be a number." in response.data["fields"]["input_data"]


@pytest.mark.parametrize(
    ("content", "name", "status", "words"),
    [
        ("length,width\n1,2\n", "x.csv", 400, "Column `colour` is missing"),
        ('{"length": 1, "width": 2, "colour": "red"}\n', "x.jsonl", 415, "CSV or a Parquet"),
        ("length,width\n", "x.csv", 400, "Column `colour` is missing"),
        ("", "x.csv", 400, "file is empty"),
        ("[]", "x.json", 415, "Send a CSV"),
        (xlsx(data=[["a"], [1]]), "x.xlsx", 415, "Send a CSV or a Parquet file."),
        (b"PAR1 nothing", "x.parquet", 400, "Parquet"),
    ],
)
def test_a_file_that_cannot_be_predicted_is_rejected_with_the_reason(send, content, name, status, words):
    response = send(content, name)
    assert response.status_code == status
    assert words in response.json()["detail"]


@pytest.mark.parametrize("space", ["", " "])
def test_a_model_that_was_trained_on_spaces_after_delimiters_gets_them(space):
    column = {"name": "work", "type": "text", "nullable": False, "categories": [space + "Private"]}
    table = scorer.open_table(io.BytesIO(b"age, work\n1, Private\n"), "x.csv", Reader([column]))
    (_, batch), *_ = scorer.numbered_batches(table, scorer.Pace())
    assert batch.column("work").to_pylist() == [space + "Private"]


def test_an_input_that_a_file_has_twice_is_refused():
    column = {"name": "x", "type": "number", "nullable": False}
    with pytest.raises(ValidationError, match="has the column `x` twice"):
        scorer.open_table(io.BytesIO(b"x,y,x\n1,2,3\n"), "t.csv", Reader([column]))
    both = Reader([column, column | {"name": "x.1"}])
    assert scorer.open_table(io.BytesIO(b"x,y,x\n1,2,3\n"), "t.csv", both).recipe.names == ["x", "y", "x.1"]


CITY = {"name": "Stadt", "type": "text", "nullable": False}


@pytest.mark.parametrize(
    ("content", "trained", "names"),
    [
        ("Stadt::x\nKöln::1\n", {"delimiter": "::"}, ["Stadt", "x"]),
        ("Köln;x\n", {"delimiter": ";", "header": False}, ["column_1", "column_2"]),
        ("Stadt;x\nKöln;1\n", {"delimiter": ","}, ["Stadt", "x"]),
    ],
    ids=["delimiter", "no header", "not needed"],
)
def test_what_a_short_file_leaves_open_is_as_in_the_training_data(content, trained, names):
    recipe = ParseRecipe("csv", encoding="utf-8", skip=0, **trained)
    reader = Reader([CITY | {"name": names[0]}])
    table = scorer.open_table(io.BytesIO(content.encode()), "t.csv", reader, trained=lambda: recipe)
    assert table.recipe.names == names
    assert table.rows == 1


def test_an_encoding_that_is_a_guess_is_that_of_the_training_data():
    content = "Stadt,x\nKöln,1\n".encode("cp850")
    for encoding in ("cp850", "cp1252"):
        recipe = ParseRecipe("csv", encoding=encoding, delimiter=",", skip=0)
        table = scorer.open_table(
            io.BytesIO(content), "t.csv", Reader([CITY]), trained=lambda recipe=recipe: recipe
        )
        assert table.recipe.encoding == encoding


def test_notes_below_a_table_are_not_predicted():
    content = b"Stadt,x\nBonn,1\n\nSource: me\n"
    table = scorer.open_table(io.BytesIO(content), "t.csv", Reader([CITY]))
    assert (
        sum(batch.num_rows for _, batch in scorer.numbered_batches(table, scorer.Pace())) == table.rows == 1
    )


def test_batches_grow_while_they_are_fast(settings):
    settings.SCORING_BATCH_S = 0.02
    text = "a,b\n" + "1,2\n" * 20_000
    table = scorer.open_table(io.BytesIO(text.encode()), "x.csv", Reader([]))
    pace, sizes = scorer.Pace(), []
    for _, batch in scorer.numbered_batches(table, pace):
        sizes.append(batch.num_rows)
        pace.measured(batch.num_rows, duration_s=0.001)
    assert sizes[0] == scorer.MIN_ROWS
    assert max(sizes) > 4 * scorer.MIN_ROWS
    assert sum(sizes) == 20_000


def test_batches_predicted_at_the_same_time_are_written_in_order():
    barrier = threading.Barrier(2, timeout=30)
    calls = [partial(lambda number: (barrier.wait(), number)[1], number) for number in range(4)]
    assert list(scorer.in_order(iter(calls), threads=2)) == [0, 1, 2, 3]


def test_the_first_invalid_batch_is_reported_and_those_after_it_are_not_started():
    started = []

    def call(number):
        started.append(number)
        if number == 1:
            raise ValueError(f"batch {number}")
        return number

    with pytest.raises(ValueError, match="batch 1"):
        list(scorer.in_order((partial(call, number) for number in range(100)), threads=2))
    assert max(started) <= 4


def with_index(frame: pandas.DataFrame) -> str:
    """CSV with the index as its first column, whose name is empty: what pandas writes by default."""
    text = frame.to_csv()
    assert text.startswith(",length")
    return text


def test_a_file_with_an_index_is_predicted_like_a_frame_by_the_artifact(
    send, api, make_dataset, make_version, flowers_frame
):
    make_version(make_dataset("indexed", with_index(flowers_frame)), class_name="ExtraTreeClassifier")
    rows = with_index(flowers_frame.drop(columns="species").iloc[::-1])
    back = pandas.read_csv(io.BytesIO(content_of(send(rows, dataset_name="indexed", probabilities=True))))
    artifact = joblib.load(io.BytesIO(content_of(api.get("/models/indexed/1/artifact"))))
    read = pandas.read_csv(io.StringIO(rows))
    assert list(read) == list(back)[:4] == ["Unnamed: 0", "length", "width", "colour"]
    assert back["prediction"].tolist() == artifact.predict(read).tolist()
    scores = back[["probability_rose", "probability_tulip"]]
    assert scores.to_numpy().tolist() == artifact.predict_proba(read).tolist()


def test_a_model_trained_on_the_earlier_name_of_an_empty_header_predicts_the_same_file(
    send, admin, make_dataset, make_version, flowers_frame
):
    source = make_dataset("indexed", flowers_frame.rename_axis("column_1").to_csv())
    make_version(source, features=["column_1", "length", "width", "colour"])
    rows = with_index(flowers_frame.drop(columns="species"))
    back = content_of(send(rows, dataset_name="indexed")).decode().splitlines()
    assert back[0] == "column_1,length,width,colour,prediction"
    by_text = predict("indexed", stage="dev", rows=CsvText(rows.encode()), by=admin)
    assert by_text.predictions == [line.rpartition(",")[2] for line in back[1:]]


def test_invocations_name_an_empty_header_as_pandas_does(make_dataset, make_version, flowers_frame, admin):
    source = make_dataset("indexed", with_index(flowers_frame))
    make_version(source, features=[column["name"] for column in source.columns[:-1]])
    rows = with_index(flowers_frame.drop(columns="species"))
    by_text = predict("indexed", stage="dev", rows=CsvText(rows.encode()), by=admin)
    read = pandas.read_csv(io.StringIO(rows)).astype(object).where(lambda frame: frame.notna(), None)
    assert (
        by_text.predictions
        == predict("indexed", stage="dev", rows=read.values.tolist(), by=admin).predictions
    )
