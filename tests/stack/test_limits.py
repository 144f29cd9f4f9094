"""What large uploads and slow clients cost the web process, and how a body that is too large is refused."""

import contextlib
import json
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.stack.conftest import SMALL_LIMIT_MB, on_postgres_and_s3, on_sqlite_and_files

MB = 1024 * 1024
TOO_LARGE_MB = 40  # more than the buffers of a connection
LARGE_MB, MAY_GROW_MB = 200, 150


@pytest.fixture(scope="module")
def large_file(processes) -> Path:
    path = processes.folder("large") / "large.csv"
    block = "".join(
        f"{i},{i * 0.37:.4f},{i % 97},red {i % 11},{'yes' if i % 3 else 'no'}\n" for i in range(40_000)
    )
    with path.open("w") as file:
        file.write("id,price,size,colour,target\n")
        while file.tell() < LARGE_MB * MB:
            file.write(block)
    return path


def peak_mb(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


@on_postgres_and_s3
def test_the_web_process_stays_small_while_a_large_file_passes(platform, large_file):
    assert platform.upload("warm_up").status_code == 201
    workers = platform.web_processes()
    for worker in workers:
        Path(f"/proc/{worker.pid}/clear_refs").write_text("5")  # the peak is now what it has at present
    before = {worker: peak_mb(worker) for worker in workers}
    done = subprocess.run(
        ["curl", "--silent", "--fail-with-body", "--header", f"Authorization: Bearer {platform.token}",
         "--header", "Prefer: respond-async", "--form", f"file=@{large_file}", f"{platform.url}/datasets/upload"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    job = platform.get(json.loads(done.stdout)["url"]).json()
    assert job["size_bytes"] == large_file.stat().st_size
    platform.post(f"{job['url']}/cancel")  # a worker would read it
    growth = max(peak_mb(worker) - before[worker] for worker in workers)
    print(f"a web process grew by {growth} MB while {LARGE_MB} MB passed")
    assert growth < MAY_GROW_MB


@on_sqlite_and_files
def test_a_file_over_the_limit_is_refused_and_every_client_sees_why(platform):
    before = platform.row_counts()
    url = f"{platform.url}/datasets/upload"
    signed = {"Authorization": f"Bearer {platform.token}"}
    content = TOO_LARGE_MB * MB * b"1"
    by_requests = platform.post("/datasets/upload", files={"file": ("a.csv", content)})
    by_curl = subprocess.run(
        ["curl", "--silent", "--header", f"Authorization: Bearer {platform.token}",
         "--write-out", "\n%{http_code}", "--form", "file=@-;filename=a.csv", url],
        input=content, capture_output=True,
    )  # fmt: skip
    body, _, status = by_curl.stdout.decode().rpartition("\n")
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    sent = head + content + b"\r\n--edge--\r\n"
    multipart = {"Content-Type": "multipart/form-data; boundary=edge"}
    with pytest.raises(urllib.error.HTTPError) as by_urllib:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            urllib.request.Request(url, data=sent, headers=signed | multipart)
        )
    assert (by_requests.status_code, int(status), by_urllib.value.code) == (413, 413, 413)
    assert by_requests.json() == json.loads(body) == json.load(by_urllib.value)
    assert by_requests.json()["code"] == "too_large"
    assert by_requests.json()["detail"].endswith(" MB; the limit is 5 MB.")
    assert platform.row_counts() == before


def test_every_client_sees_why_a_large_body_is_refused(platform):
    """A server that closes a connection before it has read the body resets it, and the response is lost."""
    url, content = f"{platform.url}/predict", 80 * MB * b"1"
    json_type = {"Content-Type": "application/json"}
    for token, status in ((platform.token, 413), ("mlmp_unknown", 413), (None, 413)):
        response = platform.post("/predict", data=content, headers=json_type, token=token)
        assert response.status_code == status, response.text
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as by_urllib:
        opener.open(urllib.request.Request(url, data=content, headers=json_type))
    assert (by_urllib.value.code, json.load(by_urllib.value)["code"]) == (413, "too_large")
    within_limit = platform.post(
        "/v2/models/none/infer", data=content[: 60 * MB], headers=json_type, token="mlmp_unknown"
    )
    assert within_limit.status_code == 401


@on_sqlite_and_files
def test_a_file_just_over_the_limit_is_refused_too(platform):
    full = b"1,2\n" * (SMALL_LIMIT_MB * MB // 4 - 1)
    assert platform.upload("over", b"a,b\n1,2\n" + full).status_code == 413
    assert platform.upload("under", b"a,b\n" + full).status_code == 201


@on_postgres_and_s3
def test_slow_clients_stop_nobody_else_with_granian(platform):
    head = "POST /auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for place in range(200):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", platform.port), timeout=60))
            client.sendall(head.encode() + b"{" if place % 2 else head[:30].encode())
        for _ in range(20):
            assert platform.get("/livez", token=None, timeout=20).status_code == 200
            assert platform.predict("missing", "dev").status_code == 404
