"""A real `mlflow server`, of the environment of the protocols' clients, on a free port of 127.0.0.1."""

import os

import requests

from tests.servers.migrated import ROOT
from tests.servers.processes import Processes, free_ports, until

PYTHON = ROOT / ".venv-conformance" / "bin" / "python"
LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def is_up(url: str) -> bool:
    """Whether a server answers with 200."""
    try:
        return call("GET", url).status_code == 200
    except requests.ConnectionError:
        return False


def call(method: str, url: str, **fields) -> requests.Response:
    """A request without the proxies of this process."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=60, **fields)


class MLflowServer:
    """It can be stopped and started again on the same port and data. A start takes seconds: wait() before a call."""

    def __init__(self, processes: Processes):
        self.processes = processes
        self.folder = processes.folder("mlflow")
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        self.process = self.processes.start(
            [
                *(
                    PYTHON,
                    "-m",
                    "mlflow",
                    "server",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    self.port,
                    "--workers",
                    1,
                ),
                *("--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"),
                *("--artifacts-destination", self.folder / "artifacts"),
            ],
            log=self.folder / "mlflow.log",
            env=kept | LIGHT,
        )

    def wait(self) -> None:
        until(lambda: is_up(f"{self.url}/health"), what="mlflow server")

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.processes.stop(self.process, within=0)

    def call(self, method: str, path: str, **fields) -> tuple[int, dict]:
        """The status and body of a call of its API."""
        given = {"params": fields} if method == "GET" else {"json": fields}
        response = call(method, f"{self.url}/api/2.0/mlflow/{path}", **given)
        return response.status_code, response.json()
