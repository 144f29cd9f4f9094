"""The platform as `make run` starts it, with a model in production, and plain Django on the same web server."""

import contextlib
import csv
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from mlplatform.jobs.children.fork_server import SERVER_NAME

ROOT = Path(__file__).resolve().parent.parent
FOREST = {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 100}}
PASSWORD = "correct horse"
WORKERS, THREADS = 2, 8


def penguins(count: int, seed: int = 0) -> dict[str, list]:
    """A table like Palmer's penguins: four numbers, two texts, missing values, three species."""
    rng = random.Random(seed)
    table = {
        name: [] for name in ("island", "bill_length", "bill_depth", "flipper", "mass", "sex", "species")
    }
    for _ in range(count):
        kind = rng.randrange(3)
        table["island"].append(rng.choice(["Torgersen", "Biscoe", "Dream"]))
        table["bill_length"].append(round(rng.gauss(39 + 5 * kind, 2.5), 1))
        table["bill_depth"].append(round(rng.gauss(18 - kind, 1), 1))
        table["flipper"].append(float(round(rng.gauss(190 + 13 * kind, 6.5))))
        table["mass"].append(float(round(rng.gauss(3700 + 650 * kind, 400), -1)))
        table["sex"].append(rng.choice(["male", "female", None]))
        table["species"].append(["Adelie", "Chinstrap", "Gentoo"][kind])
    return table


def csv_of(columns: dict[str, list]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([columns, *zip(*columns.values(), strict=True)])
    return text.getvalue().encode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Platform:
    """The platform as `make run` starts it, on its own folder."""

    def __init__(self, folder: Path, *, server: str = "gunicorn"):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.data = folder / "data"
        self.token = ""
        self.env = os.environ | {
            "DATA_DIR": str(self.data), "PORT": str(port), "WEB_SERVER": server,
            "WEB_WORKERS": str(WORKERS), "WEB_THREADS": str(THREADS), "PLATFORM_ADMIN_PASSWORD": PASSWORD,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"], env=self.env, cwd=ROOT, stdout=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        wait_for(f"{self.url}/readyz")

    def prepare(self) -> None:
        """Train two versions of a forest and promote both to production, the second last."""
        self.token = self.call("/auth/token", {"username": "admin", "password": PASSWORD})["token"]
        self.upload("penguins.csv", csv_of(penguins(344)))
        for seed in (42, 7):
            request = {"model": FOREST, "target_column": "species", "random_state": seed}
            model = self.call("/train", {"dataset_name": "penguins"} | request, Prefer="wait=60")
            promotion = {"version": model["version"], "target_stage": "production"}
            self.call("/promote", {"dataset_name": "penguins"} | promotion)

    def body(self, rows: int) -> dict:
        columns = penguins(rows, seed=1)
        del columns["species"]
        features = [list(row) for row in zip(*columns.values(), strict=True)]
        return {"dataset_name": "penguins", "environment": "production", "input_data": {"features": features}}

    def call(self, path: str, body: dict, **headers) -> dict:
        return self._send(path, json.dumps(body).encode(), **{"Content-Type": "application/json"} | headers)

    def get(self, path: str) -> dict:
        return self._send(path, None)

    def upload(self, name: str, content: bytes) -> dict:
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--x--\r\n"
        return self._send("/datasets/upload", body, **{"Content-Type": "multipart/form-data; boundary=x"})

    def _send(self, path: str, content: bytes | None, **headers) -> dict:
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, content, headers)
        with urllib.request.urlopen(request, timeout=90) as response:
            return json.load(response)

    def metric(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        headers = {"Authorization": f"Bearer {self.token}"}
        text = (
            urllib.request.urlopen(urllib.request.Request(f"{self.url}/metrics", headers=headers))
            .read()
            .decode()
        )
        lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.split()[-1]) for line in lines)

    def artifact(self) -> Path:
        return next(self.data.glob("trained-models/**/*production_v2.pkl"))

    def web_server(self) -> list[psutil.Process]:
        """The processes of the web server: the parent and its web processes."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        servers = [process for process in family if "mlplatform.web" in process.cmdline()]
        return [process for process in servers if process.name() != SERVER_NAME]

    def web_processes(self) -> list[psutil.Process]:
        return [process for process in self.web_server() if not process.children()]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def plain_command(server: str, port: int) -> list[str]:
    """The platform's web server with its numbers of processes and threads, and plain Django."""
    if server == "granian":
        options = ["--interface", "wsgi", "--http", "1", "--host", "127.0.0.1", "--port", port, "--workers", WORKERS,
                   "--blocking-threads", THREADS, "--backpressure", 1000, "--log-level", "error"]  # fmt: skip
        return ["granian", *map(str, options), "benchmarks.plain:application"]
    options = ["-k", "gthread", "-w", WORKERS, "--threads", THREADS, "--keep-alive", 5, "--no-control-socket",
               "--log-level", "warning", "-b", f"127.0.0.1:{port}"]  # fmt: skip
    return ["gunicorn", *map(str, options), "benchmarks.plain:application"]


@contextlib.contextmanager
def plain_server(server: str, middleware: str):
    """The URL of a plain Django view, with the middleware of a new project ("default") or without any ("none")."""
    port = free_port()
    command = [sys.executable, "-m", *plain_command(server, port)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PLAIN_MIDDLEWARE": middleware}
    process = subprocess.Popen(command, cwd=ROOT, env=env)
    try:
        wait_for(f"http://127.0.0.1:{port}/", any_status=True)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(url: str, *, any_status: bool = False, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except urllib.error.HTTPError:
            if any_status:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url} is not responding")
