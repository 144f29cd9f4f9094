"""The memory of the web processes before, during and after 20 large requests: `python -m benchmarks.request_memory`."""

import contextlib
import json
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from benchmarks.platforms import Platform

REQUESTS = 20
MB = 1024**2
PREDICTION = b'{"dataset_name": "penguins", "environment": "production", "input_data": {"features": [%s]}}'
ROW = b'["Biscoe",39.1,18.7,181,3750,"male"],'
BODIES = {
    "64 MB of empty lists": b"[" + b"[]," * (64 * MB // 3 - 1) + b"0]",
    "24 MB of rows": PREDICTION % (ROW * (24 * MB // len(ROW)) + ROW[:-1]),
}


def rss_mb(web: list[psutil.Process]) -> int:
    """Of the largest process."""
    return max(process.memory_info().rss for process in web) // MB


def peak_mb(web: list[psutil.Process]) -> int:
    lines = [line for process in web for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def settled_mb(web: list[psutil.Process]) -> int:
    """Memory is returned after the response was sent: wait until it does not fall any more, at most five seconds."""
    before, end = rss_mb(web) + 1, time.monotonic() + 5
    while rss_mb(web) < before and time.monotonic() < end:
        before = rss_mb(web)
        time.sleep(1)
    return rss_mb(web)


def measure(server: str, folder: Path) -> None:
    platform = Platform(folder, server=server)
    try:
        platform.prepare()
        for _ in range(50):
            platform.call("/predict", platform.body(10))
        web = platform.web_processes()
        print(f"{server}: {rss_mb(web)} MB after small requests")
        for name, body in BODIES.items():
            for token, who in ((platform.token, "a user"), ("", "anyone")):
                send(platform, web, body, token=token, name=f"{name}, {who}")
    finally:
        platform.stop()


def send(platform: Platform, web: list[psutil.Process], body: bytes, *, token: str, name: str) -> None:
    before = rss_mb(web)
    for process in web:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak is now what it has at present
    statuses = {status_of(platform, body, token) for _ in range(REQUESTS)}
    print(
        f"  {name}: {statuses}, {before} MB before, {peak_mb(web)} at most, {settled_mb(web)} after",
        flush=True,
    )


def status_of(platform: Platform, body: bytes, token: str) -> int:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{platform.url}/predict", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            json.load(response)
            return response.status
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            error.read()
            return error.code


if __name__ == "__main__":
    for server in ("gunicorn", "granian"):
        with tempfile.TemporaryDirectory() as folder:
            measure(server, Path(folder))
