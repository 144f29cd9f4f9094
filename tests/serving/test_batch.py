"""POST /predict/file: the same table back, with predictions."""

import io

import pandas
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from serving import batch
from serving.prediction import predict

ROWS = [[5 + i % 5, 1.5, ["red", "blue", None, "violet"][i % 4]] for i in range(50)]


@pytest.fixture
def frame():
    return pandas.DataFrame(ROWS, columns=["length", "width", "colour"]).assign(note="07,5")


@pytest.fixture
def wanted(make_version, admin):
    make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})
    return predict("flowers", stage="dev", rows=ROWS, by=admin, probabilities=True)


@pytest.fixture
def send(api, wanted):
    def post(content, name="New Rows.csv", **fields):
        content = content.encode() if isinstance(content, str) else content
        body = {"dataset_name": "flowers", "environment": "dev", "file": SimpleUploadedFile(name, content)}
        return api.post("/predict/file", body | fields, format="multipart")

    return post


def content_of(answer) -> bytes:
    assert answer.status_code == 200, answer.data
    return b"".join(answer.streaming_content)


def test_a_csv_file_comes_back_as_it_was_with_a_prediction_a_row(send, frame, wanted, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", 7)
    sent = frame.to_csv(index=False)
    answer = send(sent)
    assert 'filename="New Rows_predictions.csv"' in answer["Content-Disposition"]
    lines = content_of(answer).decode().splitlines()
    assert lines[0] == "length,width,colour,note,prediction"
    for line, before, prediction in zip(lines[1:], sent.splitlines()[1:], wanted.predictions, strict=True):
        assert line == f"{before},{prediction}"


def test_parquet_comes_back_as_parquet_with_probabilities(send, frame, wanted, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", 7)
    buffer = io.BytesIO()
    frame.assign(prediction=1).to_parquet(buffer)
    read = pandas.read_parquet(
        io.BytesIO(content_of(send(buffer.getvalue(), "x.parquet", probabilities=True)))
    )
    assert read["prediction_2"].tolist() == wanted.predictions
    assert read[["probability_rose", "probability_tulip"]].to_numpy().tolist() == wanted.probabilities


def test_a_fault_is_named_by_its_row_in_the_whole_file(send, frame, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", 7)
    frame["length"] = frame["length"].astype(object)
    frame.loc[40, "length"] = "long"
    answer = send(frame.to_csv(index=False))
    assert answer.status_code == 400
    assert answer.json()["fields"]["input_data"] == ["Row 41, column `length` must be a number."]


def test_a_decimal_comma_is_read_as_the_catalog_reads_it(send):
    points = send("length;width;colour\n9;1.25;red\n5;1.5;blue\n")
    commas = send("length;width;colour\n9;1.25;red\n5;1.5;blue\n")
    assert [line.split(b";")[-1] for line in content_of(points).splitlines()] == [
        line.split(b";")[-1] for line in content_of(commas).splitlines()
    ]


@pytest.mark.parametrize(
    ("content", "name", "status", "words"),
    [
        ("length,width\n1,2\n", "x.csv", 400, "Column `colour` is missing"),
        ('{"length": 1, "width": 2, "colour": "red"}\n', "x.jsonl", 415, "CSV or a Parquet"),
        ("length,width,colour\n", "x.csv", 400, "no rows"),
        (b"PAR1 nothing", "x.parquet", 400, "Parquet"),
    ],
)
def test_a_file_that_cannot_be_scored_says_why(send, content, name, status, words):
    answer = send(content, name)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


class TestPage:
    URL = "/serving/flowers/dev/file/"

    def test_a_table_is_sent_and_comes_back(self, page, frame, wanted):
        assert 'action="/serving/flowers/dev/file/#file"' in page.get("/serving/flowers/dev/").text
        file = SimpleUploadedFile("rows.csv", frame.to_csv(index=False).encode())
        answer = page.post(self.URL, {"file": file, "probabilities": "on"})
        assert 'filename="rows_predictions.csv"' in answer["Content-Disposition"]
        assert (
            content_of(answer)
            .decode()
            .splitlines()[0]
            .endswith("prediction,probability_rose,probability_tulip")
        )

    def test_a_fault_is_shown_at_the_file_by_the_api_s_sentence(self, page, wanted):
        answer = page.post(self.URL, {"file": SimpleUploadedFile("x.csv", b"length,width\n1,2\n")})
        assert answer.status_code == 422
        assert "Column `colour` is missing" in answer.text

    def test_a_model_that_its_pipeline_serves_says_why(self, page, wanted):
        from serving.models import Proof

        assert "whole pipeline" not in page.get("/serving/flowers/dev/").text
        Proof.objects.update(plan="pipeline", reason="its numbers are scaled by RobustScaler")
        text = page.get("/serving/flowers/dev/").text
        assert "Its whole pipeline predicts, because its numbers are scaled by RobustScaler." in text
