"""POST /predict: requests, responses and errors, with a token and with a session."""

import gzip
import json
import math

import pytest

from mlplatform.auth import tokens
from mlplatform.web.responses import SECURITY_HEADERS
from serving.model_cache.cache import shared_cache


@pytest.fixture
def predict(api, make_version):
    make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})

    def post(features=((9, 1.6, "blue"),), **fields):
        body = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": features}}
        return api.post("/predict", body | fields)

    return post


def test_a_response_names_dataset_stage_and_version(predict):
    assert predict().json() == {
        "dataset": "flowers",
        "environment": "dev",
        "version": 1,
        "predictions": ["rose"],
    }


def test_probabilities_are_returned_with_their_classes(predict):
    body = predict(probabilities=True).json()
    assert body["classes"] == ["rose", "tulip"]
    assert sum(body["probabilities"][0]) == pytest.approx(1)


def test_rows_can_be_objects(predict):
    assert predict([{"colour": "blue", "width": 1.6, "length": 9}]).json()["predictions"] == ["rose"]


def test_errors_are_listed_by_row_and_column(predict):
    response = predict([[9, 1.6, "blue"], ["nine", 1.6, "blue"], [9]])
    assert response.status_code == 400
    assert response.json()["fields"]["input_data"] == [
        "Row 2, column `length` must be a number.",
        "Row 3 has 1 value; the model has 3 columns.",
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
def test_an_invalid_request_has_the_right_status(predict, fields, status):
    response = predict(**fields) if "features" not in fields else predict()
    assert response.status_code == status


@pytest.mark.parametrize("body", ["{", "", "[1]", "null", '{"dataset_name": NaN}', "\xff"])
def test_a_body_that_is_not_a_json_object_is_400(api, body):
    response = api.post("/predict", body.encode("latin-1"), content_type="application/json")
    assert response.status_code == 400
    assert set(response.json()) == {"detail", "code", "fields"}


BODY = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": [[9, 1.6, "blue"]]}}


@pytest.fixture
def by_token(program, admin, make_version):
    """POST /predict with a token, on the fast path."""
    make_version()
    token = tokens.create(admin).token

    def post(body=BODY, *, token=token, content_type="application/json", **headers):
        headers["Authorization"] = f"Bearer {token}"
        return program("POST", "/predict", body, content_type=content_type, **headers)

    post.token = token
    return post


def test_a_token_and_a_session_get_the_same_response(by_token, page):
    body = BODY | {"probabilities": True, "warnings": True}
    response = by_token(body)
    assert response.status_code == 200
    assert response.json() == page.post("/predict", body, content_type="application/json").json()


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "prod"},
        {"environment": None},
        {"environment": "staging"},
        {"dataset_name": ""},
        {"dataset_name": "none"},
        {"dataset_name": "flow\0ers"},
        {"environment": "d\0ev"},
        {"input_data": {}},
        {"input_data": {"features": None}},
        {"input_data": {"features": [["nine", 1.6, 5]]}},
        {"version": 0},
        {"version": "x"},
        {"probabilities": "maybe"},
    ],
)
def test_a_token_and_a_session_get_the_same_error(by_token, page, change):
    with_token, with_session = (
        by_token(BODY | change),
        page.post("/predict", BODY | change, content_type="application/json"),
    )
    assert with_token.status_code in {400, 404}
    assert (with_token.status_code, with_token.json()) == (with_session.status_code, with_session.json())


@pytest.mark.parametrize(
    ("content", "content_type", "encoding", "status"),
    [
        (gzip.compress(json.dumps(BODY).encode()), "application/json", "gzip", 200),
        (gzip.compress(json.dumps(BODY).encode())[:-3], "application/json", "gzip", 400),
        (json.dumps(BODY), "application/json", "br", 415),
        (json.dumps(BODY), "text/plain", "identity", 415),
        ("{", "application/json", "identity", 400),
    ],
    ids=["gzip", "truncated gzip", "unknown encoding", "not JSON type", "invalid JSON"],
)
def test_a_token_and_a_session_can_send_the_same_bodies(
    by_token, page, content, content_type, encoding, status
):
    with_token = by_token(content, content_type=content_type, content_encoding=encoding)
    with_session = page.post("/predict", content, content_type, headers={"Content-Encoding": encoding})
    assert with_token.status_code == status
    assert (with_token.status_code, with_token.json()) == (with_session.status_code, with_session.json())


def test_pages_the_api_and_the_fast_path_have_the_same_security_headers(by_token, page):
    fast, slow = by_token(), page.post("/predict", BODY, content_type="application/json")
    for response in (fast, slow, page.get("/serving/"), page.get("/docs"), page.get("/livez")):
        assert {name: response[name] for name, _ in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
        assert "unsafe-inline" not in response["Content-Security-Policy"]


def test_several_spaces_before_the_token_are_accepted(by_token):
    assert by_token(token=" " + by_token.token).status_code == 200


def test_numbers_and_booleans_can_be_strings(by_token):
    assert by_token(BODY | {"version": "1", "probabilities": "true"}).json()["probabilities"]


def test_a_cached_model_and_token_need_no_query(by_token, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(shared_cache(), "is_refreshed", True)  # as in a web process
    by_token()
    with django_assert_num_queries(0):
        assert by_token().status_code == 200


def test_an_unknown_token_is_401(by_token):
    response = by_token(token="mlmp_wrong")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert set(response.json()) == {"detail", "code", "fields"}


def test_a_revoked_token_is_rejected_immediately(by_token, admin):
    assert by_token().status_code == 200
    for row in tokens.active(admin):
        tokens.revoke(admin, token_key=row.token_key)
    assert by_token().status_code == 401


def test_a_content_type_other_than_json_is_415(by_token):
    assert by_token("length=9", content_type="text/plain").status_code == 415


def test_nan_predictions_become_null(by_token, make_dataset, make_version):
    table = "x,y\n" + "".join(f"{i},{i}.5\n" for i in range(20))
    params = {"radius": 0.5}
    make_version(
        make_dataset("far", table), module="neighbors", class_name="RadiusNeighborsRegressor", params=params
    )
    response = by_token(BODY | {"dataset_name": "far", "input_data": {"features": [[1000]]}})
    assert response.json()["predictions"] == [None]
    assert math.nan not in response.json()["predictions"]
