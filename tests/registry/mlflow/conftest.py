"""MLflow's calls on datasets with versions of small models."""

import pytest

BASE = "/api/2.0/mlflow"


@pytest.fixture
def mlflow(api):
    """Makes a call of MLflow's API: the fields are the query of a GET, else the body. Returns status and JSON."""

    def call(method, path, *, client=None, **fields):
        send = getattr(client or api, method.lower())
        kind = {} if method == "GET" else {"format": "json"}
        response = send(f"{BASE}/{path}", fields, **kind)
        return response.status_code, response.json()

    return call


@pytest.fixture
def versions(make_dataset, make_version):
    """Three versions of one dataset; the third is live in dev."""
    source = make_dataset()
    return [make_version(source, random_state=0) for _ in range(3)]
