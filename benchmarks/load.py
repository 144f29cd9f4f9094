"""Load on one URL: from wrk if it is installed, else from our own generator."""

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

MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
GENERATOR = "wrk" if shutil.which("wrk") else "benchmarks/load.py"


@dataclass(frozen=True)
class Load:
    """Requests per second, latencies in milliseconds, and requests without a 2xx response."""

    rate: float
    p50: float
    p99: float
    failed: int


def post(url: str, body: bytes, *, token: str, connections: int, seconds: float, folder: Path) -> Load:
    """POST `body` again and again on this many connections. `folder` is for the files of the generator."""
    if GENERATOR == "wrk":
        return _post_by_wrk(url, body, token=token, connections=connections, seconds=seconds, folder=folder)
    return _post_by_threads(url, body, token=token, connections=connections, seconds=seconds)


def _post_by_wrk(
    url: str, body: bytes, *, token: str, connections: int, seconds: float, folder: Path
) -> Load:
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
    options = [
        "-t1",
        f"-c{connections}",
        f"-d{seconds:.0f}s",
        "--timeout",
        "60s",
        "--latency",
        "-s",
        str(script),
    ]
    report = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    failed = sum(int(count) for count in re.findall(r"Non-2xx or 3xx responses: (\d+)", report))
    for errors in re.findall(r"Socket errors: (.*)", report):
        failed += sum(int(count) for count in re.findall(r"\d+", errors))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", report)[1])
    return Load(rate, _percentile_ms(report, "50"), _percentile_ms(report, "99"), failed)


def _percentile_ms(report: str, percent: str) -> float:
    value, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", report, re.MULTILINE).groups()
    return float(value) * MS[unit]


def _post_by_threads(url: str, body: bytes, *, token: str, connections: int, seconds: float) -> Load:
    durations, failures, end = [], [], time.perf_counter() + seconds

    def run():
        client = Client(url, token)
        while time.perf_counter() < end:
            start = time.perf_counter()
            status, _ = client.post(body)
            durations.append(time.perf_counter() - start)
            if status != 200:
                failures.append(status)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    percentiles = statistics.quantiles(durations, n=100)
    return Load(len(durations) / seconds, percentiles[49] * 1000, percentiles[98] * 1000, len(failures))


class Client:
    """One keep-alive connection."""

    def __init__(self, url: str, token: str):
        parts = urlsplit(url)
        self.path = parts.path
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, body: bytes) -> tuple[int, bytes]:
        self.connection.request("POST", self.path, body, self.headers)
        response = self.connection.getresponse()
        return response.status, response.read()
