"""A platform with two models in production, and the unmodified clients, each in its own process."""

import json
import os
import subprocess
import sysconfig
import tempfile
from pathlib import Path

import pytest

from tests.conformance import table
from tests.servers.platform import ROOT, Platform
from tests.servers.processes import Processes

ENVIRONMENT = ROOT / ".venv-conformance"
PYTHON = ENVIRONMENT / "bin" / "python"
OLDER = ENVIRONMENT / "older"  # MLflow's client two minor versions back
PACKAGES = sysconfig.get_path("purelib", vars={"base": str(ENVIRONMENT)})
CLIENTS = Path(__file__).parent / "clients"
SERVER = {"name": "ml-mini-platform", "extensions": ["binary_tensor_data"]}
FOREST = {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 20}}
REGRESSOR = {"module": "tree", "class": "DecisionTreeRegressor"}


def environment(**env: str) -> dict:
    """The variables of a client: without the proxies of this process."""
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | env


def run_file(python: Path | str, script: str, case: dict, **env: str) -> dict:
    """Run a script of `clients/` in a process and a folder of its own, and return its results."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-P", "-W", "ignore", CLIENTS / script], input=json.dumps(case), capture_output=True,
            text=True, cwd=folder, env=environment(**env), timeout=180,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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
        env=environment(),
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
    """Runs a script of `clients/` and returns its results; `older` with MLflow's older client."""

    def run(script: str, *, older: bool = False, **fields) -> dict:
        case = fields | {
            "url": platform.url,
            "token": platform.token,
            "names": table.NAMES,
            "kinds": table.KINDS,
            "rows": table.ROWS,
            "numbers": table.NUMBER_ROWS,
        }
        if older:
            return run_file(PYTHON, script, case, PYTHONPATH=str(OLDER))
        return json.loads(run_script((CLIENTS / script).read_text(), name=script, stdin=json.dumps(case)))

    return run
