"""How fast predictions are over HTTP, beside a plain Django view and beside the bare pipeline, in one run.

    make bench                                     # or .venv/bin/python -m benchmarks.serving --seconds 4

The platform runs as `make run` starts it, with 2 web workers and token authentication, on a folder of its own. The
tables are printed and written into docs/performance.md.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import psutil

from benchmarks import load

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
ROUNDS = 3
LOADS = [(1, 1), (1, 4), (300, 1), (300, 4), (10_000, 1), (10_000, 4)]
FOREST = {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 100}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4, help="of each load and round")
    parser.add_argument("--swaps", type=float, default=60, help="seconds of load while releases change")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        platform = Platform(folder)
        stack.callback(platform.stop)
        plain = [stack.enter_context(plain_server(kind)) for kind in ("default", "bare")]
        platform.prepare()
        lines = loads(platform, plain, folder, options.seconds)
        lines += ["", *changes(platform, options.swaps), *memory(platform)]
    told = "\n".join(
        [
            f"{os.cpu_count()} cores, {load.GENERATOR}, {ROUNDS} rounds of {options.seconds:.0f} s by turns, their medians.",
            "",
            *lines,
        ]
    )
    print(told)
    text = REPORT.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    REPORT.write_text(f"{before}{BEGIN}\n{told}\n{END}{after}")


# What is measured


def loads(platform: "Platform", plain: list[str], folder: Path, seconds: float) -> list[str]:
    lines = [
        "| rows | connections | platform, requests/s | p50 ms | p99 ms | failed | plain view, requests/s "
        "| without middleware | `pipeline.predict` x 2, calls/s | of the plain view | of the one without middleware "
        "| times the pipeline |",
        "|" + "---|" * 12,
    ]
    for rows, connections in LOADS:
        body = json.dumps(platform.body(rows)).encode()
        options = {"token": platform.token, "connections": connections, "seconds": seconds, "folder": folder}
        load.post(f"{platform.url}/predict", body, **options | {"seconds": 1})
        rounds = []
        for _ in range(ROUNDS):  # by turns, so that what else the machine does meets all of them
            ours, default, without = (
                load.post(f"{url}/predict", body, **options) for url in (platform.url, *plain)
            )
            rounds.append((ours, default.rate, without.rate, bare_rate(platform, rows, seconds)))
        lines.append(row(rows, connections, rounds))
    return lines


def row(rows: int, connections: int, rounds: list[tuple]) -> str:
    """The medians of all rounds; ratios are taken within each round first."""
    median = statistics.median
    ours = [one[0] for one in rounds]
    rates = [median(one[place] for one in rounds) for place in (1, 2, 3)]
    ratios = [median(one[0].rate / one[place] for one in rounds) for place in (1, 2, 3)]
    return (
        f"| {rows:,} | {connections} | {median(one.rate for one in ours):,.0f} | {median(one.p50 for one in ours):.2f} "
        f"| {median(one.p99 for one in ours):.2f} | {sum(one.failed for one in ours)} "
        f"| {' | '.join(f'{rate:,.0f}' for rate in rates)} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |"
    )


def bare_rate(platform: "Platform", rows: int, seconds: float) -> float:
    """Calls a second of the pipeline on a DataFrame, by two processes that do nothing else."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        return sum(pool.starmap(bare, [(str(platform.artifact()), rows, seconds)] * 2))


def bare(artifact: str, rows: int, seconds: float) -> float:
    import joblib
    import pandas

    pipeline = joblib.load(artifact)
    frame = pandas.DataFrame(penguins(rows, seed=1)).drop(columns="species")
    pipeline.predict(frame)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        pipeline.predict(frame)
        count += 1
    return count / (time.perf_counter() - start)


def changes(platform: "Platform", seconds: float) -> list[str]:
    """Ten promotions and rollbacks under full load: every answer must be that of the version that it names."""
    rows = platform.body(20)["input_data"]["features"]
    body = platform.body(20) | {"input_data": {"features": rows}}
    wanted = {}
    for version in (1, 2):
        wanted[version] = platform.call("/predict", body | {"version": version})["predictions"]
    answers, wrong, stop = [], [], threading.Event()

    def ask():
        client = load.Client(f"{platform.url}/predict", platform.token)
        while not stop.is_set():
            status, content = client.post(json.dumps(body).encode())
            answer = json.loads(content)
            answers.append((time.perf_counter(), answer.get("version")))
            if status != 200 or answer["predictions"] != wanted[answer["version"]]:
                wrong.append((status, answer))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    delays = []
    for turn in range(10):
        time.sleep(seconds / 10)
        version = turn % 2 + 1
        platform.call(
            "/rollback", {"dataset_name": "penguins", "environment": "production", "to_version": version}
        )
        delays.append((time.perf_counter(), version))
    time.sleep(1.5)
    stop.set()
    for thread in threads:
        thread.join()
    late = [
        max([at - done for at, told in answers if told != new and done < at < done + 1.4] or [0])
        for done, new in delays
    ]
    return [
        f"{len(answers):,} answers of 20 rows in {seconds:.0f} s while {len(delays)} releases changed: "
        f"{len(wrong)} failed or wrong. From the end of a release's call to the last answer of the version before: "
        f"{max(late) * 1000:.0f} ms at most, {statistics.median(late) * 1000:.0f} ms at the median.",
    ]


def memory(platform: "Platform") -> list[str]:
    used = [process.memory_full_info() for process in platform.web_workers()]
    own, shared = (
        ", ".join(f"{getattr(info, kind) / 1024**2:.0f}" for info in used) for kind in ("uss", "rss")
    )
    sizes = platform.metrics("mlmp_models_resident_bytes"), platform.metrics("mlmp_models_resident")
    each = sizes[0] / max(sizes[1], 1) / 1024**2
    return [
        "",
        f"Memory of the web workers: {own} MB of their own, {shared} MB with what they share. "
        f"A model in memory counts {each:.1f} MB (a forest of 100 trees and its plan).",
    ]


# What is measured with


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
    """A plain view on the same gunicorn, with as many workers and threads."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", "2", "--threads", "8", "--keep-alive", "5",
        "--log-level", "warning", "-b", f"127.0.0.1:{port}", "benchmarks.plain:application",
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


if __name__ == "__main__":
    main()
