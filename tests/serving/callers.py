"""What the tests of sloppy and hostile callers share: a model of every type of column, and calls to it."""

import pytest

from mlplatform.auth import tokens
from registry.promotion import promote
from serving.prediction import predict
from tests.conformance import table

V2, INVOCATIONS = "/v2/models/flowers/infer", "/invocations"
ROWS = [row for row in table.ROWS if None not in row][:4]
SECRET = "s3cr3t-of-a-caller"


@pytest.fixture
def version(make_dataset, make_version, admin):
    made = make_version(make_dataset("flowers", table.TABLE))
    promote(made, stage="production", by=admin)
    return made


@pytest.fixture
def wanted(version, admin):
    return predict("flowers", stage="production", rows=ROWS, by=admin).predictions


@pytest.fixture
def send(program, version, admin, settings):
    settings.INVOCATIONS_MODEL = "flowers"
    token = tokens.create(admin).token

    def post(path, body=b"", *, kind="application/json", method="POST", **headers):
        told = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        return program(method, path, body, content_type=kind, **told | headers)

    return post


def told_v2(answer, status: int = 400) -> str:
    assert answer.status_code == status, answer.content
    assert list(answer.json()) == ["error"]
    assert SECRET not in answer.content.decode()
    return answer.json()["error"]


def told_mlflow(answer, status: int = 400) -> str:
    assert answer.status_code == status, answer.content
    assert list(answer.json()) == ["error_code", "message"]
    assert SECRET not in answer.content.decode()
    return answer.json()["message"]


def columns(rows=ROWS, **change) -> list[dict]:
    """The rows as columns; `change` holds what is different in the column of that name."""
    return [
        {"name": name, "shape": [len(rows)], "datatype": kind, "data": [row[place] for row in rows]}
        | change.get(name, {})
        for place, (name, kind) in enumerate(table.KINDS.items())
    ]


def labels(answer) -> list:
    assert answer.status_code == 200, answer.content
    return answer.json()["outputs"][0]["data"]
