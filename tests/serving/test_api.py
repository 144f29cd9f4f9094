"""POST /predict: the wire."""

import gzip
import json
import math

import pytest

from mlplatform.auth import tokens


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


BODY = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": [[9, 1.6, "blue"]]}}


@pytest.fixture
def by_token(program, admin, make_version):
    """POST /predict as a program does it, past the API's views."""
    make_version()
    token = tokens.create(admin).token

    def post(body=BODY, *, token=token, content_type="application/json", **headers):
        headers["Authorization"] = f"Bearer {token}"
        return program("POST", "/predict", body, content_type=content_type, **headers)

    post.token = token
    return post


def test_a_token_and_a_session_get_the_same_answer(by_token, page):
    body = BODY | {"probabilities": True, "warnings": True}
    answer = by_token(body)
    assert answer.status_code == 200
    assert answer.json() == page.post("/predict", body, content_type="application/json").json()


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "prod"},
        {"environment": None},
        {"environment": "staging"},
        {"dataset_name": ""},
        {"dataset_name": "none"},
        {"input_data": {}},
        {"input_data": {"features": None}},
        {"input_data": {"features": [["nine", 1.6, 5]]}},
        {"version": 0},
        {"version": "x"},
        {"probabilities": "maybe"},
    ],
)
def test_a_token_and_a_session_get_the_same_refusal(by_token, page, change):
    fast, by_view = (
        by_token(BODY | change),
        page.post("/predict", BODY | change, content_type="application/json"),
    )
    assert fast.status_code in {400, 404}
    assert (fast.status_code, fast.json()) == (by_view.status_code, by_view.json())


@pytest.mark.parametrize(
    ("content", "content_type", "encoding", "status"),
    [
        (gzip.compress(json.dumps(BODY).encode()), "application/json", "gzip", 200),
        (gzip.compress(json.dumps(BODY).encode())[:-3], "application/json", "gzip", 400),
        (json.dumps(BODY), "application/json", "br", 415),
        (json.dumps(BODY), "text/plain", "identity", 415),
        ("{", "application/json", "identity", 400),
    ],
)
def test_a_token_and_a_session_send_the_same_bodies(by_token, page, content, content_type, encoding, status):
    fast = by_token(content, content_type=content_type, content_encoding=encoding)
    by_view = page.post("/predict", content, content_type, headers={"Content-Encoding": encoding})
    assert fast.status_code == status
    assert (fast.status_code, fast.json()) == (by_view.status_code, by_view.json())


def test_fast_path_responses_have_the_headers_of_all_others(by_token, page):
    fast, view = by_token(), page.post("/predict", BODY, content_type="application/json")
    ours = {"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"}
    assert {name: fast[name] for name in ours} == {name: view[name] for name in ours}


def test_a_token_may_stand_after_several_spaces(by_token):
    assert by_token(token=" " + by_token.token).status_code == 200


def test_values_as_text_are_still_taken_where_they_were(by_token):
    assert by_token(BODY | {"version": "1", "probabilities": "true"}).json()["probabilities"]


def test_no_query_is_made_for_a_model_and_a_token_that_are_remembered(by_token, django_assert_num_queries):
    by_token()
    with django_assert_num_queries(0):
        assert by_token().status_code == 200


def test_a_wrong_token_is_401(by_token):
    answer = by_token(token="mlmp_wrong")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert set(answer.json()) == {"detail", "code", "fields"}


def test_a_revoked_token_is_refused_at_once_on_this_box(by_token, admin):
    assert by_token().status_code == 200
    for row in tokens.active(admin):
        tokens.revoke(admin, token_key=row.token_key)
    assert by_token().status_code == 401


def test_a_body_that_is_not_json_is_415(by_token):
    assert by_token("length=9", content_type="text/plain").status_code == 415


def test_an_answer_never_holds_nan(by_token, make_dataset, make_version):
    table = "x,y\n" + "".join(f"{i},{i}.5\n" for i in range(20))
    params = {"radius": 0.5}
    make_version(
        make_dataset("far", table), module="neighbors", class_name="RadiusNeighborsRegressor", params=params
    )
    answer = by_token(BODY | {"dataset_name": "far", "input_data": {"features": [[1000]]}})
    assert answer.json()["predictions"] == [None]
    assert math.nan not in answer.json()["predictions"]
