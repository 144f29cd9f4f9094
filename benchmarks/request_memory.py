"""The memory of a web process before, during and after 20 large requests: `python -m benchmarks.request_memory`."""

from pathlib import Path

import psutil
import requests

from tests.servers.platform import Platform
from tests.servers.processes import Processes

REQUESTS = 20
MB = 1024**2
JSON = {"Content-Type": "application/json"}
PREDICTION = b'{"dataset_name": "flowers", "environment": "dev", "input_data": {"features": [%s]}}'
ROW = b'[5,1.5,"red"],'
BODIES = {
    "64 MB of empty lists": b"[" + b"[]," * (64 * MB // 3 - 1) + b"0]",
    "64 MB of invalid rows": PREDICTION % (b"[5.18437]," * (63 * MB // 10) + b"0"),
    "32 MB of rows": PREDICTION % (ROW * (32 * MB // len(ROW)) + ROW[:-1]),
}


def rss_mb(process: psutil.Process) -> int:
    return process.memory_info().rss // MB


def peak_mb(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def measure(server: str) -> None:
    processes = Processes()
    try:
        platform = Platform(processes, server=server, WEB_WORKERS="1")
        platform.run_workers(1)
        assert platform.upload("flowers").status_code == 201
        assert platform.train("flowers").status_code == 201
        for _ in range(20):
            assert platform.predict("flowers", "dev").status_code == 200
        (web,) = (
            process for process in psutil.Process(platform.web.pid).children() if process.num_threads() > 1
        )
        print(f"{server}: {rss_mb(web)} MB after small requests")
        for name, body in BODIES.items():
            for token, who in ((platform.token, "a user"), (None, "anyone")):
                send(platform, web, body, token=token, name=f"{name}, {who}")
    finally:
        processes.stop_all()


def send(platform: Platform, web: psutil.Process, body: bytes, *, token: str | None, name: str) -> None:
    before = rss_mb(web)
    Path(f"/proc/{web.pid}/clear_refs").write_text("5")  # the peak is now what it has at present
    headers = JSON | ({"Authorization": f"Bearer {token}"} if token else {})
    statuses = {
        requests.post(f"{platform.url}/predict", data=body, headers=headers, timeout=300).status_code
        for _ in range(REQUESTS)
    }
    print(
        f"  {name}: {statuses}, {before} MB before, {peak_mb(web)} MB at most, {rss_mb(web)} MB after",
        flush=True,
    )


if __name__ == "__main__":
    for server in ("gunicorn", "granian"):
        measure(server)
