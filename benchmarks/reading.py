"""What it costs to read an uploaded table, against `pandas.read_csv` of the same file.

    .venv/bin/python -m benchmarks.reading [megabytes [rounds [rounds of the wide table]]]

Every table is generated in a temporary folder, and deleted at the end. Each reading runs in a process of its own, by
turns with pandas, so that a busy machine slows both: compare ratios. The ingestion finds the types, writes the typed
copy, and keeps a sample, a preview and the profile; the receipt reads the first 4 MB.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas

ROOT = Path(__file__).resolve().parent.parent
ROW_BYTES = 74  # of write_table
WIDE_ROWS, WIDE_COLUMNS = 2_000, 5_000


def main() -> None:
    megabytes, rounds, wide_rounds = [*map(int, sys.argv[1:]), *(100, 3, 1)[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        long, wide = Path(folder, "long.csv"), Path(folder, "wide.csv")
        write_table(long, rows=megabytes * 1024**2 // ROW_BYTES)
        write_wide_table(wide)
        print(
            "| table | what | seconds | CPU seconds | of pandas, CPU | peak memory, MB |\n|---|---|---|---|---|---|"
        )
        report(long, rounds)
        report(wide, wide_rounds)


def write_table(path: Path, *, rows: int) -> None:
    chance = np.random.default_rng(0)
    for start in range(0, rows, 500_000):
        size = min(500_000, rows - start)
        frame = pandas.DataFrame({
            "id": np.arange(start, start + size),
            "age": chance.integers(18, 90, size),
            "income": chance.normal(3e4, 1e4, size).round(2),
            "x": np.where(chance.random(size) < 0.05, np.nan, chance.normal(size=size).round(4)),
            "y": chance.normal(size=size).round(6),
            "city": chance.choice([f"City {number}" for number in range(50)], size),
            "product": chance.choice([f"product_{number:04}" for number in range(3_000)], size),
            "day": (np.datetime64("2020-01-01") + chance.integers(0, 1_500, size)).astype(str),
            "active": chance.choice(["true", "false"], size),
            "target": chance.choice(["yes", "no"], size),
        })  # fmt: skip
        frame.to_csv(path, index=False, header=not start, mode="a")


def write_wide_table(path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(WIDE_ROWS, WIDE_COLUMNS)).round(3)
    pandas.DataFrame(numbers, columns=[f"x{number}" for number in range(WIDE_COLUMNS)]).to_csv(
        path, index=False
    )


def report(table: Path, rounds: int) -> dict[str, list[float]]:
    """Print and return the medians of each way to read a table, in processes of their own."""
    measured = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name in WAYS:
            command = [sys.executable, "-m", "benchmarks.reading", f"--{name}", str(table)]
            answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
            measured[name].append(json.loads(answer.splitlines()[-1]))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in measured.items()
    }
    size = table.stat().st_size / 1024**2
    for name, (seconds, cpu, memory) in medians.items():
        ratio = statistics.median(
            own[1] / pandas_[1] for own, pandas_ in zip(measured[name], measured["pandas"], strict=True)
        )
        print(
            f"| {table.stem}, {size:.0f} MB | {name} | {seconds:.2f} | {cpu:.2f} | {ratio:.1f} | {memory:.0f} |"
        )
    return medians


def read_by_pandas(path: str) -> None:
    pandas.read_csv(path)


def ingest(path: str) -> None:
    from catalog.profiling.ingest import ingest_new

    with open(path, "rb") as file, tempfile.TemporaryFile() as copy:
        ingest_new(file, "table.csv", copy=copy)


def receipt(path: str) -> None:
    for _ in receipts().run_local(
        local_path=path, size=os.path.getsize(path), filename="table.csv", corrections={}
    ):
        pass


def receipts():
    from catalog.imports import receipts as module

    return module


WAYS = {"pandas": read_by_pandas, "receipt": receipt, "ingestion": ingest}


def measure(name: str, path: str) -> None:
    """Print the seconds, CPU seconds and the peak of memory in MB of one reading, without the imports."""
    os.environ |= {"DATA_DIR": tempfile.gettempdir(), "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
    import django

    django.setup()
    import duckdb  # noqa: F401 - as in the processes of the platform

    receipts()
    start = time.perf_counter(), time.process_time()
    WAYS[name](path)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.perf_counter() - start[0], time.process_time() - start[1], memory]))


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].startswith("--"):
        measure(sys.argv[1].removeprefix("--"), sys.argv[2])
    else:
        main()
