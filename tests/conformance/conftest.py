"""A platform with two models in production, and the unmodified clients, each in its own process."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conformance import table
from tests.servers.platform import ROOT, Platform
from tests.servers.processes import Processes

PYTHON = ROOT / ".venv-conformance" / "bin" / "python"
CLIENTS = Path(__file__).parent / "clients"
SERVER = {"name": "ml-mini-platform", "extensions": ["binary_tensor_data"]}
FOREST = {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 20}}
REGRESSOR = {"module": "tree", "class": "DecisionTreeRegressor"}


@pytest.fixture(scope="session")
def platform():
    processes = Processes()
    started = Platform(processes, INVOCATIONS_MODEL="flowers", INVOCATIONS_ANONYMOUS="True")
    started.run_workers(1)
    for name, content, model in (("flowers", table.TABLE, FOREST), ("numbers", table.NUMBERS, REGRESSOR)):
        assert started.upload(name, content).status_code == 201
        trained = started.train(name, model)
        assert trained.status_code == 201, trained.text
        assert started.promote(name, 1, "production").status_code == 200
    yield started
    processes.stop_all()


@pytest.fixture(scope="session")
def expected(platform):
    """The predictions of the native API for the rows of the table."""
    return platform.predict("flowers", "production", table.ROWS, probabilities=True).json()


@pytest.fixture(scope="session")
def expected_numbers(platform):
    return platform.predict("numbers", "production", table.NUMBER_ROWS).json()["predictions"]


@pytest.fixture(scope="session")
def run_script():
    """Runs a Python script in the environment of the client packages and returns what it prints."""
    assert PYTHON.exists(), f"{PYTHON} is missing; create it with `make .venv-conformance/.installed`."
    runner = subprocess.Popen(
        [PYTHON, "-W", "ignore", CLIENTS / "runner.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
    )

    def run(code: str, *, name: str, stdin: str = "", env: dict | None = None) -> str:
        runner.stdin.write(json.dumps({"code": code, "name": name, "input": stdin, "env": env or {}}) + "\n")
        runner.stdin.flush()
        result = json.loads(runner.stdout.readline())
        assert result["code"] == 0, result["output"]
        return result["output"]

    yield run
    runner.stdin.close()
    runner.wait(20)


@pytest.fixture(scope="session")
def client(platform, run_script):
    """Runs a script of `clients/` and returns its results."""

    def run(script: str, **fields) -> dict:
        case = fields | {
            "url": platform.url,
            "token": platform.token,
            "names": table.NAMES,
            "kinds": table.KINDS,
            "rows": table.ROWS,
            "numbers": table.NUMBER_ROWS,
        }
        return json.loads(run_script((CLIENTS / script).read_text(), name=script, stdin=json.dumps(case)))

    return run
