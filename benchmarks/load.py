"""Load on one address: by wrk where it is installed, else by a generator of our own."""

import http.client
import re
import shutil
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SCALE = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
GENERATOR = "wrk" if shutil.which("wrk") else "benchmarks/load.py"


@dataclass(frozen=True)
class Load:
    """What came of it: requests a second, milliseconds, and answers that were not 2xx or never came."""

    rate: float
    p50: float
    p99: float
    failed: int


def post(url: str, body: bytes, *, token: str, connections: int, seconds: float, folder: Path) -> Load:
    measure = by_wrk if GENERATOR == "wrk" else by_threads
    return measure(url, body, token=token, connections=connections, seconds=seconds, folder=folder)


def by_wrk(url: str, body: bytes, *, token: str, connections: int, seconds: float, folder: Path) -> Load:
    (folder / "body.json").write_bytes(body)
    script = folder / "post.lua"
    script.write_text(
        f"""local file = io.open("{folder / "body.json"}", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
"""
    )
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:.0f}s",
        "--timeout",
        "60s",
        "--latency",
        "-s",
        script,
        url,
    ]
    told = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout
    failed = sum(int(count) for count in re.findall(r"Non-2xx or 3xx responses: (\d+)", told))
    for errors in re.findall(r"Socket errors: (.*)", told):
        failed += sum(int(count) for count in re.findall(r"\d+", errors))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])
    return Load(rate, _percentile(told, "50"), _percentile(told, "99"), failed)


def _percentile(told: str, which: str) -> float:
    value, unit = re.search(rf"^\s+{which}%\s+([\d.]+)(us|ms|s|m)\s*$", told, re.MULTILINE).groups()
    return float(value) * SCALE[unit]


def by_threads(url: str, body: bytes, *, token: str, connections: int, seconds: float, folder: Path) -> Load:
    times, failed, end = [], [], time.perf_counter() + seconds

    def run():
        client = Client(url, token)
        while time.perf_counter() < end:
            start = time.perf_counter()
            status, _ = client.post(body)
            times.append(time.perf_counter() - start)
            if status != 200:
                failed.append(status)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts = statistics.quantiles(times, n=100)
    return Load(len(times) / seconds, cuts[49] * 1000, cuts[98] * 1000, len(failed))


class Client:
    """One kept connection."""

    def __init__(self, url: str, token: str):
        parts = urlsplit(url)
        self.path = parts.path
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, body: bytes) -> tuple[int, bytes]:
        self.connection.request("POST", self.path, body, self.headers)
        response = self.connection.getresponse()
        return response.status, response.read()
