"""Shared by the tests of invalid and hostile requests: a model with every column type, and requests to it."""

import pytest

from mlplatform.auth import tokens
from registry.releases.promotion import promote
from serving.prediction import predict
from tests.conformance import table

V2, INVOCATIONS = "/v2/models/flowers/infer", "/invocations"
ROWS = [row for row in table.ROWS if None not in row][:4]
SECRET = "s3cr3t-of-a-caller"


@pytest.fixture
def version(make_dataset, make_version, admin):
    version = make_version(make_dataset("flowers", table.TABLE))
    promote(version, stage="production", by=admin)
    return version


@pytest.fixture
def expected(version, admin):
    return predict("flowers", stage="production", rows=ROWS, by=admin).predictions


@pytest.fixture
def send(program, version, admin, settings):
    settings.INVOCATIONS_MODEL = "flowers"
    token = tokens.create(admin).token

    def post(path, body=b"", *, kind="application/json", method="POST", **headers):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind} | headers
        return program(method, path, body, content_type=kind, **headers)

    return post


def v2_error(response, status: int = 400) -> str:
    assert response.status_code == status, response.content
    assert list(response.json()) == ["error"]
    assert SECRET not in response.content.decode()
    return response.json()["error"]


def mlflow_error(response, status: int = 400) -> str:
    assert response.status_code == status, response.content
    assert list(response.json()) == ["error_code", "message"]
    assert SECRET not in response.content.decode()
    return response.json()["message"]


def columns(rows=ROWS, **changes) -> list[dict]:
    """The rows as input tensors; `changes` are merged into the tensor of that name."""
    return [
        {"name": name, "shape": [len(rows)], "datatype": kind, "data": [row[index] for row in rows]}
        | changes.get(name, {})
        for index, (name, kind) in enumerate(table.KINDS.items())
    ]


def labels(response) -> list:
    assert response.status_code == 200, response.content
    return response.json()["outputs"][0]["data"]
