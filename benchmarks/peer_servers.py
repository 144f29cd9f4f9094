"""The servers that benchmarks/peers.py measures beside the platform: installed, trained, started and asked."""

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


def asked(rows: int) -> dict[str, list]:
    columns = penguins(rows, seed=1)
    del columns["species"]
    return columns


def rows_of(columns: dict[str, list]) -> list[list]:
    return [list(row) for row in zip(*columns.values(), strict=True)]


def install(peer: str) -> None:
    """The peer's environment, made again when its requirements change."""
    home, wanted = ENVIRONMENTS / peer, HERE / f"{peer}.txt"
    stamp, digest = home / ".installed", hashlib.sha256(wanted.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Installing {peer} into {home} (once) ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
    pip = [home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-qq"]
    subprocess.run([*pip, "install", "--requirement", wanted], check=True)
    stamp.write_text(digest)


def train(peer: str, folder: Path) -> Path:
    """A folder with the model that the peer's own scikit-learn made, and what it predicts."""
    table, made = folder / "table.json", folder / peer
    table.write_text(json.dumps({"learn": penguins(344), "ask": {rows: asked(rows) for rows in ROWS}}))
    command = [ENVIRONMENTS / peer / "bin" / "python", HERE / "train.py", table, made]
    subprocess.run(command, check=True, capture_output=True)
    return made


@dataclass
class Way:
    """How one server of a peer is started and asked."""

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
def running(way: Way, log: Path):
    folder = ENVIRONMENTS / way.peer / "bin"
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"} | way.environment
    command = [str(part) for part in (folder / way.command[0], *way.command[1:])]
    with open(log, "wb") as said:
        process = subprocess.Popen(
            command, env=environment, cwd=way.cwd, stdout=said, stderr=said, start_new_session=True
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


def mlflow(name: str, model: Path) -> Way:
    """Uvicorn's variables turn its access log off."""
    port = free_port()
    return Way(
        name, "mlflow", port, ready="/ping", path="/invocations", asks=mlflow_split,
        reads=lambda answer: answer["predictions"],
        command=["mlflow", "models", "serve", "-m", model, "--workers", 2, "--env-manager", "local", "-p", port],
        environment={"UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"},
    )  # fmt: skip


def mlflow_split(columns: dict[str, list]) -> dict:
    return {"dataframe_split": {"columns": list(columns), "data": rows_of(columns)}}


def mlserver(name: str, model: Path, home: Path, batch: int) -> Way:
    """`debug` off turns its access log off. Its cache of answers stays off: the load repeats itself."""
    port, address = free_port(), "/v2/models/penguins"
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    wanted = {
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
    (home / "model-settings.json").write_text(json.dumps(wanted))
    return Way(
        name, "mlserver", port, ready=f"{address}/ready", path=f"{address}/infer", asks=open_inference,
        reads=lambda answer: answer["outputs"][0]["data"], command=["mlserver", "start", "."], cwd=home,
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


def bentoml(name: str, model: Path, service: str) -> Way:
    port = free_port()
    kept = {"PEERS_MODEL": str(model / "model.joblib"), "BENTOML_HOME": str(model / "home")}
    return Way(
        name, "bentoml", port, ready="/readyz", path="/predict", asks=bentoml_records, reads=list,
        command=["bentoml", "serve", f"service:{service}", "--host", "127.0.0.1", "--port", port, "-q"],
        environment=kept | {"BENTOML_DO_NOT_TRACK": "True"},
    )  # fmt: skip


def bentoml_records(columns: dict[str, list]) -> dict:
    return {"frame": [dict(zip(columns, row, strict=True)) for row in rows_of(columns)]}
