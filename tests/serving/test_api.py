"""POST /predict: the wire."""

import pytest


@pytest.fixture
def ask(api, make_version):
    make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})

    def post(features=((9, 1.6, "blue"),), **fields):
        body = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": features}}
        return api.post("/predict", body | fields)

    return post


def test_an_answer_names_what_answered(ask):
    assert ask().json() == {"dataset": "flowers", "environment": "dev", "version": 1, "predictions": ["rose"]}


def test_probabilities_come_with_their_classes(ask):
    body = ask(probabilities=True).json()
    assert body["classes"] == ["rose", "tulip"]
    assert sum(body["probabilities"][0]) == pytest.approx(1)


def test_rows_may_be_objects(ask):
    assert ask([{"colour": "blue", "width": 1.6, "length": 9}]).json()["predictions"] == ["rose"]


def test_faults_are_listed_by_row_and_column(ask):
    answer = ask([[9, 1.6, "blue"], ["nine", 1.6, "blue"], [9]])
    assert answer.status_code == 400
    assert answer.json()["fields"]["input_data"] == [
        "Row 2, column `length` must be a number.",
        "Row 3 has 1 values; the model has 3 columns.",
    ]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"environment": "staging"}, 404),
        ({"environment": "prod"}, 400),
        ({"environment": None}, 400),
        ({"dataset_name": "none"}, 404),
        ({"input_data": {}}, 400),
        ({"input_data": [[1]]}, 400),
        ({"version": 5}, 404),
        ({"version": "x"}, 400),
        ({"features": []}, 200),
    ],
)
def test_a_bad_call_says_what_is_wrong(ask, fields, status):
    answer = ask(**fields) if "features" not in fields else ask()
    assert answer.status_code == status


@pytest.mark.parametrize("body", ["{", "", "[1]", "null", '{"dataset_name": NaN}', "\xff"])
def test_a_body_that_is_no_json_object_is_400(api, body):
    answer = api.post("/predict", body.encode("latin-1"), content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail", "code", "fields"}
