"""Predictions per second compared with MLflow, MLServer and BentoML: the same forest, the same cores, one run.

    make bench-peers                                # or .venv/bin/python -m benchmarks.peers --seconds 3

Creates one virtual environment per peer under .venv-peers/ (once), trains the same pipeline in each, starts all
servers with 2 workers on the same 2 cores, checks their predictions and measures them alternately, so that other load
on the machine affects all of them. The platform runs on its default web server. The table is printed and written into
docs/performance.md.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import joblib
import pandas
import psutil

from benchmarks import load
from benchmarks.peer_servers import ROWS, bentoml, inputs, install, mlflow, mlserver, rows_of, running, train
from benchmarks.platforms import ROOT, Platform, wait_for

REPORT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- peers -->", "<!-- end peers -->"
PEERS = ("mlflow", "mlserver", "bentoml")
CONNECTIONS, ROUNDS = 4, 5
SHARED = ("scikit-learn", "pandas", "numpy")


@dataclass
class Server:
    """A running server: where it is, the bodies of its requests and the expected predictions."""

    name: str
    url: str
    process: int
    asks: Callable[[dict], dict]
    reads: Callable[[dict], list]
    expected: dict[int, list]
    token: str = ""

    def body(self, rows: int) -> bytes:
        return json.dumps(self.asks(inputs(rows))).encode()

    def check(self) -> None:
        """Compare predictions, on ten new connections each, so that every worker is checked."""
        for rows in ROWS:
            for _ in range(10):
                status, content = load.Client(self.url, self.token).post(self.body(rows))
                is_correct = status == 200 and self.reads(json.loads(content)) == self.expected[rows]
                assert is_correct, f"{self.name}, {rows} rows: {status} {content[:500]}"

    def memory(self) -> float:
        """MB of all its processes, shared pages counted once."""
        return pss([psutil.Process(self.process), *psutil.Process(self.process).children(recursive=True)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3, help="of each load and round")
    options = parser.parse_args()
    for peer in PEERS:
        install(peer)
    everywhere = sorted(os.sched_getaffinity(0))
    serving, loading = everywhere[:2], everywhere[2:4] or everywhere[:2]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        models = {peer: train(peer, folder) for peer in PEERS}
        os.sched_setaffinity(0, serving)  # which the servers inherit
        platform = Platform(folder)
        stack.callback(platform.stop)
        platform.prepare()
        servers = [ours(platform), *start_peers(models, folder, stack)]
        os.sched_setaffinity(0, loading)
        for server in servers:
            server.check()
        results = {rows: measure(servers, rows, options.seconds, folder) for rows in ROWS}
        text = "\n".join(report(servers, results, platform, models, (serving, loading), options.seconds))
    print(text)
    page = REPORT.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    REPORT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def ours(platform: Platform) -> Server:
    pipeline = joblib.load(platform.artifact())
    return Server(
        "this platform",
        f"{platform.url}/predict",
        platform.process.pid,
        asks=lambda columns: platform.body(1) | {"input_data": {"features": rows_of(columns)}},
        reads=lambda response: response["predictions"],
        expected={rows: pipeline.predict(pandas.DataFrame(inputs(rows))).tolist() for rows in ROWS},
        token=platform.token,
    )


def start_peers(models: dict[str, Path], folder: Path, stack: contextlib.ExitStack) -> list[Server]:
    """Start each as its documentation says for 2 workers, and in its faster variant if it has one."""
    variants = [
        mlflow("MLflow, with a signature", models["mlflow"] / "signed"),
        mlflow("MLflow, without one", models["mlflow"] / "unsigned"),
        mlserver("MLServer", models["mlserver"], folder / "plain", 0),
        mlserver("MLServer, batches of 2", models["mlserver"], folder / "batches", 2),
        bentoml("BentoML", models["bentoml"], "Penguins"),
        bentoml("BentoML, adaptive batches", models["bentoml"], "Batched"),
    ]
    started = []
    for variant in variants:
        process = stack.enter_context(running(variant, folder / f"{variant.name}.log"))
        address = f"http://127.0.0.1:{variant.port}"
        wait_for(f"{address}{variant.ready}")
        predictions = json.loads((models[variant.peer] / "expected.json").read_text())
        expected = {int(rows): labels for rows, labels in predictions.items()}
        started.append(
            Server(variant.name, address + variant.path, process.pid, variant.asks, variant.reads, expected)
        )
    return started


def measure(servers: list[Server], rows: int, seconds: float, folder: Path) -> dict[str, list[load.Load]]:
    results = {server.name: [] for server in servers}
    for turn in range(ROUNDS + 1):
        for server in servers:
            result = load.post(
                server.url, server.body(rows), token=server.token, connections=CONNECTIONS,
                seconds=seconds if turn else 1, folder=folder,
            )  # fmt: skip
            if turn:  # the first one warms up
                results[server.name].append(result)
    return results


def pss(processes: list[psutil.Process]) -> float:
    return sum(process.memory_full_info().pss for process in processes) / 1024**2


def report(servers, results, platform: Platform, models: dict[str, Path], cores: tuple, seconds: float):
    """The conditions, the table and the result."""
    yield (
        f"Servers on cores {cores[0]}, {load.GENERATOR} on {cores[1]} of {os.cpu_count()}; {CONNECTIONS} connections; "
        f"medians of {ROUNDS} rounds of {seconds:.0f} s by turns, ratios within each round. {versions(models)}\n"
    )
    heads = [f"rows: {rows}, requests/s | p50 ms | p99 ms | failed | platform" for rows in ROWS]
    yield f"| server | {' | '.join(heads)} | memory, MB |\n{'|---' * (2 + 5 * len(ROWS))}|"
    for server in servers:
        cells = [cell(results[rows], servers[0].name, server.name) for rows in ROWS]
        yield f"| {server.name} | {' | '.join(cells)} | {server.memory():,.0f} |"
    yield ""
    yield from (best(results[rows], rows) for rows in ROWS)
    web = pss(platform.web_server())
    same = all(server.expected == servers[0].expected for server in servers)
    labels = "the same labels" if same else "the labels of its own pipeline"
    yield (
        f"Every server answered {labels}, checked before timing. Memory is that of all processes of a server: of the "
        f"platform's, {web:,.0f} MB are its web server, the rest its training worker and supervisor."
    )


def cell(results: dict[str, list[load.Load]], us: str, them: str) -> str:
    median, rounds = statistics.median, results[them]
    ratio = median(our.rate / their.rate for our, their in zip(results[us], rounds, strict=True))
    return (
        f"{median(one.rate for one in rounds):,.0f} | {median(one.p50 for one in rounds):.1f} "
        f"| {median(one.p99 for one in rounds):.1f} | {sum(one.failed for one in rounds)} "
        f"| {'' if us == them else f'{ratio:.1f} x'}"
    )


def best(results: dict[str, list[load.Load]], rows: int) -> str:
    us, *others = results
    top = max(others, key=lambda name: statistics.median(one.rate for one in results[name]))
    ratios = [our.rate / their.rate for our, their in zip(results[us], results[top], strict=True)]
    ratio = statistics.median(ratios)
    return f"{rows} row(s): the best peer is {top}, the platform answers {ratio:.1f} times as many.\n"


def versions(models: dict[str, Path]) -> str:
    installed = {peer: json.loads((folder / "versions.json").read_text()) for peer, folder in models.items()}
    installed["platform"] = {name: metadata.version(name) for name in SHARED}
    sets = {tuple(by_name[name] for name in SHARED) for by_name in installed.values()}
    peers = ", ".join(f"{peer} {installed[peer][peer]}" for peer in PEERS)
    if len(sets) == 1:
        return (
            f"{peers}; {', '.join(f'{n} {v}' for n, v in zip(SHARED, sets.pop(), strict=True))} everywhere."
        )
    each = "; ".join(
        f"{server}: {', '.join(f'{n} {by_name[n]}' for n in SHARED)}" for server, by_name in installed.items()
    )
    return f"{peers}. {each}."


if __name__ == "__main__":
    main()
