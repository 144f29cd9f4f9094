"""The servers that benchmarks/peers.py compares with: how each is installed, trained, started and called."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.platforms import ROOT, free_port, penguins

HERE, ENVIRONMENTS = ROOT / "benchmarks" / "peers", ROOT / ".venv-peers"
ROWS = (1, 300)
TEXTS = ("island", "sex")


def inputs(rows: int) -> dict[str, list]:
    columns = penguins(rows, seed=1)
    del columns["species"]
    return columns


def rows_of(columns: dict[str, list]) -> list[list]:
    return [list(row) for row in zip(*columns.values(), strict=True)]


def install(peer: str) -> None:
    """Create the environment of a peer, again if its requirements have changed."""
    home, requirements = ENVIRONMENTS / peer, HERE / f"{peer}.txt"
    stamp, digest = home / ".installed", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Installing {peer} into {home} (once) ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
    pip = [home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-qq"]
    subprocess.run([*pip, "install", "--requirement", requirements], check=True)
    stamp.write_text(digest)


def train(peer: str, folder: Path) -> Path:
    """Return a folder with a model trained by the scikit-learn of the peer, and its predictions."""
    table, output = folder / "table.json", folder / peer
    table.write_text(json.dumps({"learn": penguins(344), "ask": {rows: inputs(rows) for rows in ROWS}}))
    command = [ENVIRONMENTS / peer / "bin" / "python", HERE / "train.py", table, output]
    subprocess.run(command, check=True, capture_output=True)
    return output


@dataclass
class Variant:
    """How a server of a peer is started and called.

    `asks` makes a request body from columns, `reads` gets the predictions from a response.
    """

    name: str
    peer: str
    port: int
    ready: str
    path: str
    asks: Callable[[dict], dict]
    reads: Callable[[dict], list]
    command: list
    environment: dict[str, str] = field(default_factory=dict)
    cwd: Path = HERE


@contextlib.contextmanager
def running(variant: Variant, log: Path):
    folder = ENVIRONMENTS / variant.peer / "bin"
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"} | variant.environment
    command = [str(part) for part in (folder / variant.command[0], *variant.command[1:])]
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=variant.cwd, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        family = [process, *psutil.Process(process.pid).children(recursive=True)]
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def mlflow(name: str, model: Path) -> Variant:
    """Uvicorn's variables turn its access log off."""
    port = free_port()
    return Variant(
        name, "mlflow", port, ready="/ping", path="/invocations", asks=mlflow_split,
        reads=lambda response: response["predictions"],
        command=["mlflow", "models", "serve", "-m", model, "--workers", 2, "--env-manager", "local", "-p", port],
        environment={"UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"},
    )  # fmt: skip


def mlflow_split(columns: dict[str, list]) -> dict:
    return {"dataframe_split": {"columns": list(columns), "data": rows_of(columns)}}


def mlserver(name: str, model: Path, home: Path, batch: int) -> Variant:
    """`debug` off turns its access log off. Its response cache stays off: the load repeats one request."""
    port, address = free_port(), "/v2/models/penguins"
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    model_settings = {
        "name": "penguins",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(model / "model.joblib")},
        "max_batch_size": batch,
        "max_batch_time": 0.005 if batch else 0,
    }
    home.mkdir()
    (home / "settings.json").write_text(
        json.dumps({"debug": False, "parallel_workers": 2, "host": "127.0.0.1"} | ports)
    )
    (home / "model-settings.json").write_text(json.dumps(model_settings))
    return Variant(
        name, "mlserver", port, ready=f"{address}/ready", path=f"{address}/infer", asks=open_inference,
        reads=lambda response: response["outputs"][0]["data"], command=["mlserver", "start", "."], cwd=home,
    )  # fmt: skip


def open_inference(columns: dict[str, list]) -> dict:
    inputs = [
        {"name": name, "shape": [len(values), 1], "datatype": "BYTES", "data": values}
        | {"parameters": {"content_type": "str"}}
        if name in TEXTS
        else {"name": name, "shape": [len(values), 1], "datatype": "FP64", "data": values}
        for name, values in columns.items()
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


def bentoml(name: str, model: Path, service: str) -> Variant:
    port = free_port()
    env = {"PEERS_MODEL": str(model / "model.joblib"), "BENTOML_HOME": str(model / "home")}
    return Variant(
        name, "bentoml", port, ready="/readyz", path="/predict", asks=bentoml_records, reads=list,
        command=["bentoml", "serve", f"service:{service}", "--host", "127.0.0.1", "--port", port, "-q"],
        environment=env | {"BENTOML_DO_NOT_TRACK": "True"},
    )  # fmt: skip


def bentoml_records(columns: dict[str, list]) -> dict:
    return {"frame": [dict(zip(columns, row, strict=True)) for row in rows_of(columns)]}
