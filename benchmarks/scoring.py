"""The speed and memory of scoring jobs on tables of two million rows.

    .venv/bin/python -m benchmarks.scoring [rows]

A table like the penguins as CSV and as Parquet, twice each, sent to a platform that `manage.py run` started, with a
forest of 100 trees in production. Memory is the resident set, sampled ten times a second: of the scorer from before
the first job, of the web worker that grew most from before the upload.
"""

import http.client
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas
import psutil

from benchmarks.platforms import Platform

ROWS = 2_000_000
MB = 1024**2


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
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


def upload(platform: Platform, file: Path) -> bytes:
    fields = {"dataset_name": "penguins", "environment": "production"}
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
