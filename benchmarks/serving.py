"""Predictions over HTTP on both web servers, compared with a plain Django view and the pipeline alone, in one run.

    make bench                                     # or .venv/bin/python -m benchmarks.serving --seconds 4

The platform runs as `make run` starts it, with 2 web processes and token authentication, on its own folder. The tables
are printed and written into docs/performance.md.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load
from benchmarks.platforms import ROOT, Platform, penguins, plain_server

REPORT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
SERVERS = ("gunicorn", "granian")
LOADS = [(1, 1), (1, 4), (300, 1), (300, 4), (10_000, 1), (10_000, 4)]  # rows, connections
RELEASES = 10
SETTLED_S = 1.4  # after a release; until then, the previous version may answer


@dataclass(frozen=True)
class Contender:
    """The platform and the plain views on one web server."""

    server: str
    platform: Platform
    plain: str
    without_middleware: str


@dataclass(frozen=True)
class Round:
    ours: load.Load
    plain: float
    without_middleware: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4, help="of each load and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--changes", type=float, default=60, help="seconds of load while releases change")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        contenders = [start(server, folder, stack) for server in SERVERS]
        lines = [
            f"{len(os.sched_getaffinity(0))} cores, {load.GENERATOR}; medians of {options.rounds} rounds of "
            f"{options.seconds:.0f} s, ratios within each round.\n",
            *rates(contenders, folder, options.seconds, options.rounds),
        ]
        for contender in contenders:
            lines += ["", changes(contender, options.changes), "", memory(contender)]
    report = "\n".join(lines)
    print(report)
    text = REPORT.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    REPORT.write_text(f"{before}{BEGIN}\n{report}\n{END}{after}")


def start(server: str, folder: Path, stack: contextlib.ExitStack) -> Contender:
    platform = Platform(folder / server, server=server)
    stack.callback(platform.stop)
    platform.prepare()
    plain = [stack.enter_context(plain_server(server, middleware)) for middleware in ("default", "none")]
    return Contender(server, platform, *plain)


def rates(contenders: list[Contender], folder: Path, seconds: float, rounds: int) -> list[str]:
    lines = [
        "| rows | connections | web server | platform, requests/s | p50 ms | p99 ms | failed | plain view, requests/s "
        "| without middleware | `pipeline.predict` x 2, calls/s | of the plain view | of the one without middleware "
        "| times the pipeline |",
        "|" + "---|" * 13,
    ]
    for rows, connections in LOADS:
        body = json.dumps(contenders[0].platform.body(rows)).encode()
        options = {"connections": connections, "folder": folder}
        for contender in contenders:
            measure(contender, body, seconds=1, **options)
        results = {contender.server: [] for contender in contenders}
        pipelines = []
        for _ in range(rounds):  # alternately, so that other load on the machine affects all of them
            for contender in contenders:
                results[contender.server].append(measure(contender, body, seconds=seconds, **options))
            pipelines.append(pipeline_rate(contenders[0].platform, rows, seconds))
        lines += [row(rows, connections, server, results[server], pipelines) for server in results]
    return lines


def measure(contender: Contender, body: bytes, **options) -> Round:
    token = contender.platform.token
    urls = (contender.platform.url, contender.plain, contender.without_middleware)
    ours, plain, without = (load.post(f"{url}/predict", body, token=token, **options) for url in urls)
    return Round(ours, plain.rate, without.rate)


def row(rows: int, connections: int, server: str, rounds: list[Round], pipelines: list[float]) -> str:
    """The medians of all rounds; ratios are computed within each round first."""
    median = statistics.median
    ours = [one.ours for one in rounds]
    others = [[one.plain for one in rounds], [one.without_middleware for one in rounds], pipelines]
    ratios = [median(our.rate / rate for our, rate in zip(ours, rates, strict=True)) for rates in others]
    return (
        f"| {rows:,} | {connections} | {server} | {median(one.rate for one in ours):,.0f} "
        f"| {median(one.p50 for one in ours):.2f} | {median(one.p99 for one in ours):.2f} "
        f"| {sum(one.failed for one in ours)} | {' | '.join(f'{median(rates):,.0f}' for rates in others)} "
        f"| {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |"
    )


def pipeline_rate(platform: Platform, rows: int, seconds: float) -> float:
    """Calls per second of the pipeline on a DataFrame, in two processes that do nothing else."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        return sum(pool.starmap(call_pipeline, [(str(platform.artifact()), rows, seconds)] * 2))


def call_pipeline(artifact: str, rows: int, seconds: float) -> float:
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


def changes(contender: Contender, seconds: float) -> str:
    """Rollbacks under full load: every response must have the predictions of the version that it names."""
    platform, body = contender.platform, contender.platform.body(20)
    expected = {
        version: platform.call("/predict", body | {"version": version})["predictions"] for version in (1, 2)
    }
    versions, failures, stop = [], [], threading.Event()

    def predict():
        client = load.Client(f"{platform.url}/predict", platform.token)
        while not stop.is_set():
            status, content = client.post(json.dumps(body).encode())
            response = json.loads(content)
            versions.append((time.perf_counter(), response.get("version")))
            if status != 200 or response["predictions"] != expected[response["version"]]:
                failures.append((status, response))

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    released = []
    for turn in range(RELEASES):
        time.sleep(seconds / RELEASES)
        rollback = {"dataset_name": "penguins", "environment": "production", "to_version": turn % 2 + 1}
        platform.call("/rollback", rollback)
        released.append((time.perf_counter(), turn % 2 + 1))
    time.sleep(SETTLED_S)
    stop.set()
    for thread in threads:
        thread.join()
    window = min(SETTLED_S, seconds / RELEASES)  # later, the next release may be live
    delays = [
        max([at - start for at, old in versions if old != new and start < at < start + window] or [0])
        for start, new in released
    ]
    return (
        f"{contender.server}: {len(versions):,} responses of 20 rows in {seconds:.0f} s while {RELEASES} releases "
        f"changed: {len(failures)} failed or wrong. From the response to a release to the last prediction of the "
        f"previous version: at most {max(delays) * 1000:.0f} ms, median {statistics.median(delays) * 1000:.0f} ms."
    )


def memory(contender: Contender) -> str:
    used = [process.memory_full_info() for process in contender.platform.web_processes()]
    own, shared = (
        ", ".join(f"{getattr(info, kind) / 1024**2:.0f}" for info in used) for kind in ("uss", "rss")
    )
    size, count = (contender.platform.metric(f"mlmp_models_resident{suffix}") for suffix in ("_bytes", ""))
    return (
        f"{contender.server}: memory of the web processes: {own} MB of their own, {shared} MB with shared memory. A "
        f"model in memory is counted as {size / max(count, 1) / 1024**2:.1f} MB (a forest of 100 trees and its "
        "inference engine)."
    )


if __name__ == "__main__":
    main()
