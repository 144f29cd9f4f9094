"""The speed and memory of scoring jobs on tables of two million rows, and their speed beside a bare script.

    .venv/bin/python -m benchmarks.scoring [rows] [rows for each family of algorithms]

A table like the penguins as CSV and as Parquet, twice each, sent to a platform that `manage.py run` started, with a
forest of 100 trees in production. Memory is the resident set, sampled ten times a second: of the scorer from before
the first job, of the web worker that grew most from before the upload.

The bare script reads the same CSV with pandas, predicts with the artifact in one process a core, and writes a CSV.
"""

import http.client
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import joblib
import numpy as np
import pandas
import psutil
from threadpoolctl import threadpool_limits

from benchmarks.platforms import Platform

ROWS = 2_000_000
FAMILY_ROWS = 300_000
FAMILIES = [
    {"module": "ensemble", "class": "HistGradientBoostingClassifier"},
    {"module": "ensemble", "class": "RandomForestClassifier"},
    {"module": "tree", "class": "DecisionTreeClassifier"},
    {"module": "linear_model", "class": "LogisticRegression"},
    {"module": "svm", "class": "SVC"},
    {"module": "neighbors", "class": "KNeighborsClassifier"},
    {"module": "neural_network", "class": "MLPClassifier"},
    {"module": "naive_bayes", "class": "GaussianNB"},
]
ROUNDS = 3
MB = 1024**2


def main() -> None:
    rows, family_rows, *_ = [*map(int, sys.argv[1:]), *[ROWS, FAMILY_ROWS][len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        files = write_tables(Path(folder), rows)
        platform = Platform(Path(folder))
        try:
            platform.prepare()
            scorer = scorer_of(platform)
            print(f"The scorer at rest: {scorer.memory_info().rss / MB:.0f} MB.\n")
            print(
                "| file | MB | answer to the upload s | job s | rows/s | scorer MB before, peak | web MB before, peak "
                "| result MB | download s |\n|---|---|---|---|---|---|---|---|---|"
            )
            for file in files * 2:
                print(line(platform, scorer, file, rows), flush=True)
            print(
                "\n| algorithm | job s | bare script s | the script's time over the job's |\n|---|---|---|---|"
            )
            table, _ = write_tables(Path(folder), family_rows)
            with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
                for algorithm in FAMILIES:
                    print(family(platform, algorithm, table, pool), flush=True)
        finally:
            platform.stop()


def write_tables(folder: Path, rows: int) -> list[Path]:
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 3, rows)
    frame = pandas.DataFrame(
        {
            "island": np.array(["Torgersen", "Biscoe", "Dream"])[draw.integers(0, 3, rows)],
            "bill_length": draw.normal(39 + 5 * kind, 2.5).round(1),
            "bill_depth": draw.normal(18 - kind, 1).round(1),
            "flipper": draw.normal(190 + 13 * kind, 6.5).round(0),
            "mass": draw.normal(3700 + 650 * kind, 400).round(-1),
            "sex": pandas.Series(np.array(["male", "female", ""])[draw.integers(0, 3, rows)]).replace(
                "", None
            ),
        }
    )
    files = [folder / "penguins.csv", folder / "penguins.parquet"]
    frame.to_csv(files[0], index=False)
    frame.to_parquet(files[1], index=False)
    return files


def scorer_of(platform: Platform) -> psutil.Process:
    family = psutil.Process(platform.process.pid).children(recursive=True)
    return next(one for one in family if one.cmdline()[-1] == "scorer")


class Memory:
    """The resident sets of processes when it began, and the largest of each until it ended."""

    def __init__(self, processes: list[psutil.Process]):
        self.processes = processes
        self.before = self.peak = self.now()
        self.ended = threading.Event()
        self.watching = threading.Thread(target=self.watch)

    def now(self) -> list[int]:
        return [process.memory_info().rss for process in self.processes]

    def watch(self) -> None:
        while not self.ended.wait(0.1):
            self.peak = list(map(max, self.peak, self.now()))

    def __enter__(self):
        self.watching.start()
        return self

    def __exit__(self, *exc):
        self.ended.set()
        self.watching.join()

    def most(self) -> str:
        before, peak = max(
            zip(self.before, self.peak, strict=True), key=lambda process: process[1] - process[0]
        )
        return f"{before / MB:.0f}, {peak / MB:.0f}"


def line(platform: Platform, scorer: psutil.Process, file: Path, rows: int) -> str:
    with Memory([scorer]) as of_scorer, Memory(platform.web_processes()) as of_web:
        start = time.perf_counter()
        queued = json.loads(upload(platform, file))
        response_s = time.perf_counter() - start
        while (job := json.loads(get(platform, queued["url"])))["state"] in {"queued", "running"}:
            time.sleep(0.1)
        duration = time.perf_counter() - start - response_s
        assert job["state"] == "succeeded" and job["rows_done"] == rows, job
        start = time.perf_counter()
        size = len(get(platform, job["result"]["url"]))
        download = time.perf_counter() - start
    return (
        f"| {file.name} | {file.stat().st_size / MB:.0f} | {response_s:.1f} | {duration:.1f} | {rows / duration:,.0f} "
        f"| {of_scorer.most()} | {of_web.most()} | {size / MB:.0f} | {download:.1f} |"
    )


def family(platform: Platform, algorithm: dict, table: Path, pool) -> str:
    """Medians of ROUNDS jobs and bare scripts by turns, and of their ratios."""
    request = {"dataset_name": "penguins", "model": algorithm, "target_column": "species"}
    version = platform.call("/train", request, Prefer="wait=60")["version"]
    artifact = next(platform.data.rglob(f"*_dev_v{version}.pkl"))
    jobs, scripts = [], []
    for _ in range(ROUNDS):
        jobs.append(job_duration(platform, table))
        scripts.append(bare_script(artifact, table, pool))
    ratio = statistics.median(script / job for script, job in zip(scripts, jobs, strict=True))
    return f"| {algorithm['class']} | {statistics.median(jobs):.2f} | {statistics.median(scripts):.2f} | {ratio:.2f} |"


def job_duration(platform: Platform, table: Path) -> float:
    """Seconds from the start of the job in the scorer to its end, without the upload."""
    queued = json.loads(upload(platform, table, environment="dev"))
    while (job := json.loads(get(platform, queued["url"])))["state"] in {"queued", "running"}:
        time.sleep(0.1)
    assert job["state"] == "succeeded", job
    started, finished = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


def bare_script(artifact: Path, table: Path, pool) -> float:
    """Seconds to read the table, to predict it in one process a core, and to write it with its predictions."""
    start = time.perf_counter()
    frame = pandas.read_csv(table)
    cores = os.cpu_count()
    parts = [frame[index * len(frame) // cores : (index + 1) * len(frame) // cores] for index in range(cores)]
    frame["prediction"] = np.concatenate(pool.starmap(bare_predictions, [(artifact, part) for part in parts]))
    frame.to_csv(table.with_name("predicted.csv"), index=False)
    return time.perf_counter() - start


def bare_predictions(artifact: Path, part: pandas.DataFrame) -> np.ndarray:
    with threadpool_limits(1):  # two processes with two threads each take longer
        return joblib.load(artifact).predict(part)


def upload(platform: Platform, file: Path, environment: str = "production") -> bytes:
    fields = {"dataset_name": "penguins", "environment": environment}
    parts = [
        f'--a-line-between-parts\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--a-line-between-parts\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
    )
    body = "".join(parts).encode() + file.read_bytes() + b"\r\n--a-line-between-parts--\r\n"
    headers = {
        "Content-Type": "multipart/form-data; boundary=a-line-between-parts",
        "Prefer": "respond-async",
    }
    return call(platform, "POST", "/predict/file", body, headers)


def get(platform: Platform, path: str) -> bytes:
    return call(platform, "GET", path)


def call(platform: Platform, method: str, path: str, body: bytes | None = None, headers=None) -> bytes:
    connection = http.client.HTTPConnection(urlsplit(platform.url).netloc, timeout=300)
    signed = {"Authorization": f"Bearer {platform.token}"} | (headers or {})
    connection.request(method, path, body, signed)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    assert response.status in {200, 202}, content
    return content


if __name__ == "__main__":
    main()
