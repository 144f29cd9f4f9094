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
import statistics
import tempfile
import threading
import time
from pathlib import Path

from benchmarks import load
from benchmarks.platforms import ROOT, Platform, penguins, plain_server

REPORT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
ROUNDS = 3
LOADS = [(1, 1), (1, 4), (300, 1), (300, 4), (10_000, 1), (10_000, 4)]


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
            f"{len(os.sched_getaffinity(0))} cores, {load.GENERATOR}; "
            f"medians of {ROUNDS} rounds of {options.seconds:.0f} s.",
            "",
            *lines,
        ]
    )
    print(told)
    text = REPORT.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    REPORT.write_text(f"{before}{BEGIN}\n{told}\n{END}{after}")


def loads(platform: Platform, plain: list[str], folder: Path, seconds: float) -> list[str]:
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


def bare_rate(platform: Platform, rows: int, seconds: float) -> float:
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


def changes(platform: Platform, seconds: float) -> list[str]:
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


def memory(platform: Platform) -> list[str]:
    used = [process.memory_full_info() for process in platform.web_workers()]
    own, shared = (
        ", ".join(f"{getattr(info, kind) / 1024**2:.0f}" for info in used) for kind in ("uss", "rss")
    )
    sizes = platform.metrics("mlmp_models_resident_bytes"), platform.metrics("mlmp_models_resident")
    each = sizes[0] / max(sizes[1], 1) / 1024**2
    return [
        "",
        f"Memory of the web workers: {own} MB of their own, {shared} MB with what they share. "
        f"A model in memory counts {each:.1f} MB (a forest of 100 trees and its inference engine).",
    ]


if __name__ == "__main__":
    main()
