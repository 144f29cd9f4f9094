"""What the platform asks of its database at rest, and what many machines need: the table of docs/operations.md.

    .venv/bin/python -m benchmarks.capacity [models] [models in memory]

One web process, then one worker, then one scorer, each alone on PostgreSQL and S3, at rest for WINDOW_S seconds: first
with one model, then with 10,000 models of 1,000 datasets, 200 of which are in the memory of the web process, and with
10,000 ended jobs of each kind.
pg_stat_statements counts the calls, the rows and the blocks. Then the web process predicts, and its CPU time is taken,
which other processes on the machine do not change. The table multiplies these figures.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil
import psycopg
import requests

from tests.servers.migrated import ROOT
from tests.servers.object_store import ObjectStore
from tests.servers.platform import ROWS, Platform
from tests.servers.postgres import Postgres
from tests.servers.processes import Processes, until

MODELS, IN_MEMORY, DATASETS = 10_000, 200, 1_000
WINDOW_S, SETTLE_S = 60, 8
WARM_UP = 50  # requests
FOREST = {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 100}}
BLOCK = 8192
MB = 1024**2
DEFAULTS = {"TRAIN_LEASE_S": "30", "JOB_POLL_MS": "500", "WEB_WORKERS": "1", "WEB_THREADS": "8"}
# Web machines, processes of each, workers, scorers, models, and predictions a second.
SCENARIOS = [
    (1, 2, 1, 1, 100, 1_000),
    (2, 4, 4, 1, 1_000, 10_000),
    (5, 8, 10, 2, 10_000, 100_000),
    (20, 8, 50, 5, 100_000, 1_000_000),
]
BUSIEST = """
    SELECT s.calls, s.rows, s.shared_blks_hit + s.shared_blks_read, s.total_exec_time, left(s.query, 160)
    FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = %s AND s.query NOT LIKE '%%pg_stat%%' ORDER BY s.calls DESC
"""
LIVE = """
    SELECT d.name FROM registry_release r JOIN catalog_dataset d ON d.id = r.dataset_id
    WHERE r.stage = 'dev' AND r.ended_at IS NULL AND d.name != 'flowers' ORDER BY d.id LIMIT {}
"""


@dataclass(frozen=True)
class AtRest:
    """What one process asks of the database in a second."""

    queries: float
    rows: float
    kilobytes: float
    milliseconds: float
    connections: int
    cpu: float  # of the process and its children, as a share of a core

    def row(self, process: str, models: int) -> str:
        figures = (
            f"{self.queries:.1f} | {self.rows:.1f} | {self.kilobytes:.0f} | {self.milliseconds:.2f} | "
            f"{self.connections} | {self.cpu:.1%}"
        )
        return f"| {process} | {models:,} | {figures} |"


class Bench:
    def __init__(self, processes: Processes):
        options = {"shared_preload_libraries": "pg_stat_statements"}
        self.postgres = Postgres(processes, **options)
        self.platform = Platform(
            processes, server="granian", postgres=self.postgres, store=ObjectStore(processes), **DEFAULTS
        )
        self.processes = processes
        self.name = self.platform.env["DATABASE_URL"].rpartition("/")[2]
        self.platform.sql("CREATE EXTENSION pg_stat_statements")
        self.platform.run_workers(1)
        self.platform.upload("flowers")
        assert self.platform.train("flowers", FOREST).status_code == 201
        self.platform.promote("flowers", 1, "production")
        self.platform.run_workers(0)

    def at_rest(self, process: subprocess.Popen) -> AtRest:
        time.sleep(SETTLE_S)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        before = sum(sum(one.cpu_times()[:2]) for one in family)
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as sql:
            sql.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            sql.execute("SELECT pg_stat_statements_reset()")
            time.sleep(WINDOW_S)
            statements = sql.execute(BUSIEST, [self.name]).fetchall()
            connections = self.connections()
        cpu = sum(sum(one.cpu_times()[:2]) for one in family if one.is_running()) - before
        for calls, rows, blocks, spent, query in statements[:6]:
            print(
                f"  {calls:5} calls {rows:6} rows {blocks:7} blocks {spent:8.1f} ms: {' '.join(query.split())}"
            )
        calls, rows, blocks, spent = (sum(column) for column in list(zip(*statements, strict=True))[:4])
        return AtRest(
            calls / WINDOW_S, rows / WINDOW_S, blocks * BLOCK / 1024 / WINDOW_S, spent / WINDOW_S, connections,
            cpu / WINDOW_S,
        )  # fmt: skip

    def connections(self) -> int:
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as sql:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            return sql.execute(query, [self.name]).fetchone()[0]

    def worker(self, command: str) -> AtRest:
        log = self.platform.folder / f"{command}.log"
        started = [sys.executable, ROOT / "manage.py", command]
        process = self.processes.start(started, env=self.platform.env, log=log)
        until(self.connections, what=f"A {command}")
        time.sleep(SETTLE_S)  # its first look cleans up
        figures = self.at_rest(process)
        self.processes.stop(process)
        return figures

    def of_each(self, models: int) -> dict[str, AtRest]:
        figures = {"web process": self.at_rest(self.platform.web)}
        self.processes.stop(self.platform.web)
        figures |= {name: self.worker(name) for name in ("worker", "scorer")}
        for process, one in figures.items():
            print(one.row(process, models), flush=True)
        return figures

    def fill(self, models: int) -> None:
        """Copy the model and its dataset, with signatures for each copy."""
        command = [sys.executable, "-m", "benchmarks.capacity.crowd", str(models), str(DATASETS)]
        subprocess.run(command, env=self.platform.env, cwd=ROOT, check=True)
        self.platform.sql("ANALYZE")

    def load(self, count: int) -> tuple[float, float]:
        """Predict by this many models. Returns the MB of one as the platform counts them, and by its process."""
        (web,) = self.platform.web_processes()
        assert self.platform.predict("flowers", "dev").status_code == 200
        before, resident = web.memory_info().rss, self.metric("mlmp_models_resident_bytes")
        for (name,) in self.platform.sql(LIVE.format(count)):
            response = self.platform.predict(name, "dev", ROWS[:1])
            assert response.status_code == 200, response.text
        count = max(count, 1)
        grown = web.memory_info().rss - before
        return (self.metric("mlmp_models_resident_bytes") - resident) / count / MB, grown / count / MB

    def metric(self, name: str) -> float:
        lines = self.platform.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def predictions_per_core(self, rows: int) -> float:
        """The rows that a web process predicts in a second of its CPU time."""
        body = {
            "dataset_name": "flowers", "environment": "production",
            "input_data": {"features": (ROWS * (rows // len(ROWS) + 1))[:rows]},
        }  # fmt: skip
        (web,) = self.platform.web_processes()
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {self.platform.token}"
            content, requested = json.dumps(body), {1: 2_000}.get(rows, 300)
            headers = {"Content-Type": "application/json"}
            for number in range(WARM_UP + requested):
                if number == WARM_UP:
                    start = sum(web.cpu_times()[:2])
                response = session.post(f"{self.platform.url}/predict", content, headers=headers, timeout=60)
                assert response.status_code == 200, response.text
        return requested * rows / (sum(web.cpu_times()[:2]) - start)


def main() -> None:
    models, in_memory = [*map(int, sys.argv[1:]), *[MODELS, IN_MEMORY][len(sys.argv) - 1 :]]
    processes = Processes()
    try:
        bench = Bench(processes)
        print(
            "| process | models | queries/s | rows/s | KB read/s | ms/s | connections | CPU |\n"
            + "|---" * 8
            + "|"
        )
        bench.load(0)
        bench.of_each(1)
        bench.fill(models)
        bench.platform.start_web()
        one_row, thousand_rows = (bench.predictions_per_core(rows) for rows in (1, 1_000))
        counted, grown = bench.load(in_memory)
        print(f"\nA model in memory: {counted:.3f} MB by its metric, {grown:.3f} MB of the process.")
        print(f"Rows a second and core: {one_row:,.0f} alone, {thousand_rows:,.0f} by the thousand.\n")
        figures = bench.of_each(models)
    finally:
        processes.stop_all()
    print()
    print(table(figures, model_mb=grown, one_row=one_row, thousand_rows=thousand_rows))


def table(figures: dict[str, AtRest], *, model_mb: float, one_row: float, thousand_rows: float) -> str:
    lines = [
        "| web machines x processes | workers | scorers | models | queries/s at rest | of a core of the database "
        "| connections at most | GB of models in each process, if all are in use | predictions/s | cores if one row a "
        "request | cores if 1,000 rows a request |",
        "|---" * 11 + "|",
    ]
    threads = int(DEFAULTS["WEB_THREADS"])
    for machines, processes, workers, scorers, models, rate in SCENARIOS:
        counts = {"web process": machines * processes, "worker": workers, "scorer": scorers}
        queries = sum(figures[name].queries * count for name, count in counts.items())
        busy = sum(figures[name].milliseconds * count for name, count in counts.items()) / 1000
        connections = machines * processes * (threads + 6) + 12 * workers + 4 * scorers
        lines.append(
            f"| {machines} x {processes} | {workers} | {scorers} | {models:,} | {queries:,.0f} | {busy:.1%} "
            f"| {connections:,} | {models * model_mb / 1024:,.1f} | {rate:,} | {rate / one_row:,.1f} "
            f"| {rate / thousand_rows:,.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
