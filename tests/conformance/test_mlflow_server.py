"""A real MLflow server beside the platform: the same calls to both, and trainings that are mirrored to it."""

import sys

import pytest

from tests.conformance import mlflow_calls
from tests.conformance.conftest import PACKAGES, run_file
from tests.servers.mlflow_server import MLflowServer
from tests.servers.platform import SHORT, at_once
from tests.servers.processes import until

NAMES = ["length", "width", "colour"]
ROWS = [[5, 1.5, "red"], [9, 1.6, "blue"], [11, 1.7, "green"], [7, 1.8, None]]


@pytest.fixture(scope="module")
def server(platform):
    return MLflowServer(platform.processes)


@pytest.fixture(scope="module")
def outcomes(platform, server):
    """What each call returned on the platform and on MLflow's server."""
    for name, count in mlflow_calls.VERSIONS.items():
        platform.train_versions(name, versions=count)
    server.wait()
    for name, count in mlflow_calls.VERSIONS.items():
        server.call("POST", "registered-models/create", name=name)
        for number in range(1, count + 1):
            server.call("POST", "model-versions/create", name=name, source=f"s3://bucket/{name}/{number}")

    def walk(call) -> list[tuple]:
        return [
            mlflow_calls.outcome(*call(method, path, **fields))
            for method, path, fields in mlflow_calls.calls()
        ]

    def of_platform(method: str, path: str, **fields) -> tuple[int, dict]:
        given = {"params": fields} if method == "GET" else {"json": fields}
        response = platform.call(method, f"/api/2.0/mlflow/{path}", **given)
        return response.status_code, response.json()

    return at_once(lambda: walk(of_platform), lambda: walk(server.call))


def test_each_call_has_the_result_of_mlflows_own_server(outcomes):
    calls = list(mlflow_calls.calls())
    assert len(calls) > 250
    rows = zip(calls, *outcomes, strict=True)
    assert [row for row in rows if row[1] != row[2]] == []


def aliases(server, name: str) -> dict[str, str]:
    _, body = server.call("GET", "registered-models/get", name=name)
    return {one["alias"]: one["version"] for one in body.get("registered_model", {}).get("aliases", ())}


@pytest.fixture(scope="module")
def mirrored(platform, server):
    """Two trainings, the second while the server is down, and a promotion meanwhile; then what the server has."""
    server.wait()
    setting = {"MLFLOW_MIRROR_URI": server.url}
    platform.run_workers(0)
    platform.run_workers(1, env=platform.env | setting)
    platform.upload("mirrored")
    assert platform.train("mirrored", description="A tree.", cv=3).json()["version"] == 1
    until(lambda: aliases(server, "mirrored") == {"dev": "1"}, what="The first version")
    job = platform.train("mirrored", SHORT, prefer="respond-async").json()["job"]
    platform.wait_for_stage(job, "fitting")
    server.kill()
    assert platform.finished(job)["state"] == "succeeded"
    assert platform.promote("mirrored", 1, "production").status_code == 200
    server.start()
    server.wait()
    live = {"dev": "2", "production": "1", "champion": "1"}
    until(lambda: aliases(server, "mirrored") == live, what="What happened during the outage")
    platform.run_workers(0)
    platform.run_workers(1)
    case = {"url": server.url, "clients": [PACKAGES], "names": NAMES, "rows": ROWS}
    return run_file(sys.executable, "mlflow_mirror.py", case)


def test_each_training_is_a_finished_run_in_spite_of_an_outage(mirrored):
    assert mirrored["runs"] == [["FINISHED", f"version {number}", "admin"] for number in (1, 2)]
    assert mirrored["versions"] == [["1", True], ["2", True]]
    assert mirrored["aliases"] == {"dev": "2", "production": "1", "champion": "1"}


def test_a_run_has_the_parameters_metrics_tags_and_dataset_of_its_training(platform, mirrored):
    version = platform.get("/models/mirrored/1").json()
    assert mirrored["parameters"]["criterion"] == "gini"
    assert mirrored["metrics"]["accuracy"] == version["metrics"]["accuracy"]
    assert [step for step, _ in mirrored["folds"]] == [0, 1, 2]
    assert mirrored["tags"]["algorithm"] == "tree.DecisionTreeClassifier"
    assert mirrored["inputs"] == ["mirrored version 1"]


def test_a_mirrored_model_predicts_what_the_platform_predicts(platform, mirrored):
    native = platform.predict("mirrored", "production", ROWS).json()
    assert mirrored["predictions"] == native["predictions"]
    assert (mirrored["signature"], mirrored["example"]) == (NAMES, 1)


def test_the_command_mirrors_what_was_trained_before(platform, server, mirrored):
    printed = platform.manage("mlflow_mirror", MLFLOW_MIRROR_URI=server.url)
    assert f"versions are on {server.url}." in printed
    assert aliases(server, "flowers") == {"dev": "1", "production": "1", "champion": "1"}
