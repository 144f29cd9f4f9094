import contextlib
import errno
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from mlplatform import system_checks

SLOW_START_S = 20
READ_BYTES = 64 * 1024
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class Command(BaseCommand):
    help = "Prepare the platform and run its web server, training workers and scorer until Ctrl-C."
    requires_system_checks = [system_checks.TAG]

    supervisord = None
    stopping = False

    def handle(self, **options):
        os.chdir(settings.BASE_DIR)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which is what nohup asks for
            signal.signal(signal.SIGHUP, self._stop)
        refuse_taken_port()
        call_command("bootstrap", stdout=self.stdout, stderr=self.stderr, skip_checks=True)
        collect_static()
        connections.close_all()
        self.stdout.flush()
        code = self._supervise()
        if not self.stopping:
            raise CommandError(f"supervisord ended with code {code}.", returncode=1)

    def _stop(self, signum=None, frame=None):
        """Tell all processes to stop; _supervise() returns when they have."""
        self.stopping = True
        if self.supervisord is None:
            sys.exit(0)
        self.supervisord.terminate()

    def _supervise(self) -> int:
        """Run supervisord until it ends, and pass on what it and its processes say.

        It is in a session of its own: Ctrl-C is for this process alone, and it never sees the hang-up of a
        terminal, which it would take for a request to restart.
        """
        with tempfile.TemporaryDirectory(prefix="ml-mini-platform-") as run_dir:
            # The web server and the scorer count there for /metrics; each training's process would leave files in it.
            os.mkdir(f"{run_dir}/metrics")
            command = [sys.executable, "-m", "supervisor.supervisord", "-c", "mlplatform/supervisord.conf"]
            if os.getuid() == 0:
                command.append("--user=0")  # or it warns about running as root
            environment = {
                "DATA_DIR": str(settings.DATA_DIR),  # it may have been relative to another folder
                "PYTHONUNBUFFERED": "1",
                "RUN_DIR": run_dir,
                "RUN_PYTHON": sys.executable,
                "TRAIN_WORKERS": str(settings.TRAIN_WORKERS),
            }
            self.supervisord = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            if self.stopping:
                self.supervisord.terminate()
            threading.Thread(target=announce, daemon=True).start()
            if "MAKELEVEL" in os.environ:
                threading.Thread(target=watch_make, args=[self._stop], daemon=True).start()
            while said := self.supervisord.stdout.read1(READ_BYTES):  # not by line: the request log has many
                if not say(said):  # nobody listens any more; keep reading, so that the stop is a clean one
                    self._stop()
            return self.supervisord.wait()


def say(text: bytes) -> bool:
    try:
        while text:
            text = text[os.write(sys.stdout.fileno(), text) :]
    except OSError:
        return False
    return True


def watch_make(stop) -> None:
    """Stop when the make that started this is killed, or is interrupted alone.

    Ctrl-C reaches everybody in the terminal, but a SIGINT to make's own process (`kill -INT`) it keeps to itself:
    it waits for its recipe, and all that changes is that it does not catch the signal any more.
    """
    make = os.getppid()
    caught = caught_signals(make)
    while os.getppid() == make and caught_signals(make) == caught:
        time.sleep(0.5)
    stop()


def caught_signals(pid: int) -> int:
    """SIGHUP and SIGINT, as far as the process catches them; 0 where there is no /proc to look it up."""
    try:
        with open(f"/proc/{pid}/status") as status:
            mask = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt:"))
    except OSError:
        return 0
    return mask & 0b11


def refuse_taken_port() -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.HOST, settings.PORT, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()  # a socket that only listens on the same port is found here
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = settings.PORT % 65535 + 1
            raise CommandError(
                f"Port {settings.PORT} of {settings.HOST} is taken. "
                f"Stop what uses it, or choose another: PORT={other} make run"
            ) from error
        raise CommandError(
            f"HOST={settings.HOST} PORT={settings.PORT} cannot be listened on: {error.strerror}."
        ) from error


def collect_static() -> None:
    """Gather and compress the static files, unless none has changed since the last time."""
    sources = sorted(
        (path, storage.path(path))
        for finder in get_finders()
        for path, storage in finder.list(["CVS", ".*", "*~"])
    )
    facts = [(path, os.stat(full).st_size, os.stat(full).st_mtime_ns) for path, full in sources]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    stamp = settings.STATIC_ROOT / ".collected"
    if stamp.exists() and stamp.read_text() == digest:
        return
    call_command("collectstatic", verbosity=0, interactive=False)
    stamp.write_text(digest)


def announce() -> None:
    """Say where the platform is, once it answers that it is ready; if that takes long, say why."""
    host = ANY_ADDRESS.get(settings.HOST, settings.HOST)
    url = f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"
    complain_at = time.monotonic() + SLOW_START_S
    while True:
        status, answer = readiness(host)
        if status == 200:
            say(f"Ready: {url}\n".encode())
            return
        if time.monotonic() > complain_at:
            say(f"Not ready yet: {answer}\n".encode())
            complain_at += SLOW_START_S
        time.sleep(0.1)


def readiness(host: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, settings.PORT, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
