"""`manage.py run` as a process in a new folder, with each web server."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings

from tests.servers.migrated import copy_database
from tests.servers.processes import free_ports

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="counts processes in /proc"),
]


def until(condition, *, seconds: float = 180):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.1)
    return result


class Running:
    """`manage.py run`, what it has printed so far, and the processes that belong to it."""

    def __init__(self, folder: Path, server: str, *, through: tuple[str, ...] = ()):
        self.server = server
        self.port = free_ports(1)[0]
        self.folder = folder
        self.lines: list[str] = []
        self.process = self.start(*through)
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, *through: str) -> subprocess.Popen:
        variables = {"DATA_DIR": str(self.folder), "PORT": str(self.port), "WEB_WORKERS": "1", "DRAIN_S": "0"}
        variables["WEB_SERVER"] = self.server
        return subprocess.Popen(
            [*through, sys.executable, "manage.py", "run"],
            cwd=settings.BASE_DIR,
            env={"PATH": os.environ["PATH"], **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def printed(self, pattern: str) -> str | None:
        return next((line for line in list(self.lines) if re.search(pattern, line)), None)

    def pids(self, name: str) -> list[int]:
        """Of every process of this name that supervisord has started, the latest last."""
        return [
            int(pid) for line in list(self.lines) for pid in re.findall(rf"'{name}' with pid (\d+)", line)
        ]

    def alive(self) -> list[str]:
        mark = f"DATA_DIR={self.folder}\0".encode()
        return [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if mark in content(path)]

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="module", params=["gunicorn", "granian"])
def running(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("platform")
    if request.param == "granian":  # with gunicorn, the first start migrates
        copy_database(folder / "ml_registry.db")
    running = Running(folder, request.param)
    yield running
    running.process.terminate()
    running.process.wait(180)


# For what supervisord and `run` do. tests/stack kills and stops both servers.
on_one_server = pytest.mark.parametrize("running", ["gunicorn"], indirect=True)


def test_run_prints_the_generated_password_and_its_address_once_it_is_ready(running):
    until(lambda: running.printed(f"^Ready: http://127.0.0.1:{running.port}$"))
    assert running.is_ready()
    assert running.printed(r"^Administrator: admin, password: \S{16} ")


def test_a_second_start_on_the_same_port_is_refused(running):
    second = running.start()
    output, _ = second.communicate(timeout=180)
    assert second.returncode == 1
    assert re.fullmatch(rf"CommandError: Port {running.port} of 127.0.0.1 is in use\. .+\n", output)


def test_the_health_check_of_the_image_passes_only_for_a_ready_server(running):
    dockerfile = (settings.BASE_DIR / "Dockerfile").read_text().replace("\\\n", " ")
    probe, *ports = re.search(r"HEALTHCHECK .*CMD python (.+)", dockerfile)[1].split()
    assert ports == ['"$PORT"', "8080"]  # of the whole platform, and of `serve`
    for port, code in ((running.port, 0), (free_ports(1)[0], 1)):
        assert subprocess.run([sys.executable, settings.BASE_DIR / probe, str(port)]).returncode == code


@on_one_server
def test_a_killed_web_server_and_a_killed_worker_are_restarted(running):
    for name in ("web", "worker_0"):
        os.kill(running.pids(name)[-1], signal.SIGKILL)
    until(lambda: len(running.pids("web")) >= 2 and len(running.pids("worker_0")) >= 2)
    until(running.is_ready)


def test_ctrl_c_stops_every_process(running):
    running.process.send_signal(signal.SIGINT)
    until(lambda: not running.alive())
    assert running.process.wait(180) == 0


@on_one_server
def test_a_second_start_keeps_the_account_and_ends_with_its_terminal(running):
    until(lambda: running.process.poll() is not None)
    # Under nohup, the hangup of the terminal is ignored, which children inherit.
    script = "import pty, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); pty.spawn(sys.argv[1:])"
    in_terminal = (sys.executable, "-c", script)
    again = Running(running.folder, running.server, through=in_terminal)
    until(lambda: again.printed("^Ready: "))
    assert not again.printed("password")
    again.process.kill()  # its terminal goes with it
    until(lambda: not again.alive())
