"""The platform as `make run` starts it, with a model in production, and plain Django on the same gunicorn."""

import contextlib
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

ROOT = Path(__file__).resolve().parent.parent
FOREST = {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 100}}


def penguins(count: int, seed: int = 0) -> dict[str, list]:
    """A table like Palmer's penguins: four numbers, two texts, some gaps, three species."""
    draw = random.Random(seed)
    table = {
        name: [] for name in ("island", "bill_length", "bill_depth", "flipper", "mass", "sex", "species")
    }
    for _ in range(count):
        kind = draw.randrange(3)
        table["island"].append(draw.choice(["Torgersen", "Biscoe", "Dream"]))
        table["bill_length"].append(round(draw.gauss(39 + 5 * kind, 2.5), 1))
        table["bill_depth"].append(round(draw.gauss(18 - kind, 1), 1))
        table["flipper"].append(float(round(draw.gauss(190 + 13 * kind, 6.5))))
        table["mass"].append(float(round(draw.gauss(3700 + 650 * kind, 400), -1)))
        table["sex"].append(draw.choice(["male", "female", None]))
        table["species"].append(["Adelie", "Chinstrap", "Gentoo"][kind])
    return table


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Platform:
    """As `make run` starts it, on a folder of its own."""

    def __init__(self, folder: Path):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.data = folder / "data"
        self.env = os.environ | {
            "DATA_DIR": str(self.data), "PORT": str(port), "WEB_WORKERS": "2",
            "PLATFORM_ADMIN_PASSWORD": "correct horse",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"], env=self.env, cwd=ROOT, stdout=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        wait_for(f"{self.url}/readyz")

    def prepare(self) -> None:
        """Two versions of a forest, both of which were live in production."""
        signed_in = self.call("/auth/token", {"username": "admin", "password": "correct horse"})
        self.token = signed_in["token"]
        columns = penguins(344)
        lines = [
            ",".join(columns),
            *(
                ",".join("" if v is None else str(v) for v in row)
                for row in zip(*columns.values(), strict=True)
            ),
        ]
        self.upload("penguins.csv", "\n".join(lines).encode())
        for seed in (42, 7):
            wanted = {
                "dataset_name": "penguins",
                "model": FOREST,
                "target_column": "species",
                "random_state": seed,
            }
            made = self.call("/train", wanted, Prefer="wait=60")
            self.call(
                "/promote",
                {"dataset_name": "penguins", "version": made["version"], "target_stage": "production"},
            )

    def body(self, rows: int) -> dict:
        columns = penguins(rows, seed=1)
        del columns["species"]
        features = [list(row) for row in zip(*columns.values(), strict=True)]
        return {"dataset_name": "penguins", "environment": "production", "input_data": {"features": features}}

    def call(self, path: str, body: dict, **headers) -> dict:
        return self._send(path, json.dumps(body).encode(), **{"Content-Type": "application/json"} | headers)

    def upload(self, name: str, content: bytes) -> dict:
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--x--\r\n"
        return self._send("/datasets/upload", body, **{"Content-Type": "multipart/form-data; boundary=x"})

    def _send(self, path: str, content: bytes, **headers) -> dict:
        if token := getattr(self, "token", None):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, content, headers)
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.load(answer)

    def metrics(self, name: str) -> float:
        request = urllib.request.Request(
            f"{self.url}/metrics", headers={"Authorization": f"Bearer {self.token}"}
        )
        text = urllib.request.urlopen(request).read().decode()
        return sum(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith((f"{name} ", f"{name}{{"))
        )

    def artifact(self) -> Path:
        return next(self.data.glob("trained-models/**/*production_v2.pkl"))

    def web_workers(self) -> list[psutil.Process]:
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in family if "gunicorn" in " ".join(one.cmdline()) and not one.children()]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


@contextlib.contextmanager
def plain_server(kind: str):
    """A plain view on the same gunicorn: the platform's kind of worker, and as many workers and threads."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "-k", "mlplatform.web.web_worker.WebWorker", "-w", "2", "--threads", "8",
        "--keep-alive", "5", "--no-control-socket", "--log-level", "warning",
        "-b", f"127.0.0.1:{port}", "benchmarks.plain:application",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "PLAIN": kind})
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
    raise SystemExit(f"{url} does not answer")
