"""What it costs to read an uploaded table, against `pandas.read_csv` of the same file, and to receive it.

    .venv/bin/python -m benchmarks.reading [megabytes [rounds [rounds of the wide table]]]

Every table is generated in a temporary folder, and deleted at the end. Each reading runs in a process of its own, by
turns with pandas, so that a busy machine slows both: compare ratios. The ingestion finds the types, writes the typed
copy, and keeps a sample, a preview and the profile; the receipt reads the first 4 MB. Then the file is uploaded to a
platform that `manage.py run` started, while the memory of its web processes is watched.
"""

import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas
import psutil

ROOT = Path(__file__).resolve().parent.parent
PORT = 8932
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
        upload(long, folder)


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


def report(table: Path, rounds: int) -> None:
    """The medians of each way to read a table, in processes of their own."""
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


def upload(table: Path, folder: str) -> None:
    environment = os.environ | {"DATA_DIR": f"{folder}/data", "PORT": str(PORT), "MAX_UPLOAD_MB": "4096"}
    platform = subprocess.Popen(
        [sys.executable, "manage.py", "run"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        while not (line := platform.stdout.readline()).startswith("Ready"):
            assert line, "the platform did not start"
        threading.Thread(target=platform.stdout.read, daemon=True).start()
        token = subprocess.run(
            [sys.executable, "manage.py", "api_token", "admin"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        time.sleep(5)
        idle, peak, done = web_memory(platform.pid), {}, threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                for pid, size in web_memory(platform.pid).items():
                    peak[pid] = max(peak.get(pid, 0), size)

        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.perf_counter()
        status = send(table, token)
        received = time.perf_counter() - start
        while not exists(token):
            time.sleep(0.5)
        finished = time.perf_counter() - start
        done.set()
        watcher.join()
        more = max(peak[pid] - idle.get(pid, peak[pid]) for pid in peak) / 1024**2
        size = table.stat().st_size / 1024**2
        print(
            f"\nUpload of {size:.0f} MB: status {status} after {received:.1f} s, in the catalog after "
            f"{finished:.1f} s; a web process took at most {more:.0f} MB more than when idle."
        )
    finally:
        platform.terminate()
        platform.wait(30)


def web_memory(pid: int) -> dict[int, int]:
    """The memory of each web process of a platform, without what it shares."""
    sizes = {}
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if any("mlplatform.web" in part for part in process.cmdline()):
                memory = process.memory_info()
                sizes[process.pid] = memory.rss - memory.shared
        except psutil.Error:
            continue
    return sizes


def send(table: Path, token: str) -> int:
    boundary = b"boundary"
    head = b"--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="table.csv"\r\n\r\n'
    tail = b"\r\n--" + boundary + b"--\r\n"

    def blocks() -> Iterator[bytes]:
        yield head
        with open(table, "rb") as file:
            while block := file.read(1 << 20):
                yield block
        yield tail

    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    connection.request(
        "POST",
        "/datasets/upload",
        body=blocks(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": f"multipart/form-data; boundary={boundary.decode()}",
            "Content-Length": str(len(head) + table.stat().st_size + len(tail)),
        },
    )
    return connection.getresponse().status


def exists(token: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("GET", "/datasets/table", headers={"Authorization": f"Bearer {token}"})
    return connection.getresponse().status == 200


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].startswith("--"):
        measure(sys.argv[1].removeprefix("--"), sys.argv[2])
    else:
        main()
