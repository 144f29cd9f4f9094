import contextlib
import errno
import fcntl
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from mlplatform import system_checks
from mlplatform.compute import local
from mlplatform.management import run_folder
from mlplatform.resilience import parent_process
from mlplatform.web import process

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
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(signal.SIGHUP, self._stop)
        check_port()
        call_command("bootstrap", stdout=self.stdout, stderr=self.stderr, skip_checks=True)
        collect_static()
        connections.close_all()
        self.stdout.flush()
        code = self._supervise()
        if not self.stopping:
            raise CommandError(f"supervisord ended with code {code}.", returncode=1)

    def _stop(self, signum=None, frame=None):
        """Stop all processes; _supervise() returns when they have ended."""
        self.stopping = True
        if self.supervisord is None:
            sys.exit(0)
        self.supervisord.terminate()

    def _supervise(self) -> int:
        """Run supervisord until it ends, and forward its output and that of its processes.

        It has its own session: Ctrl-C reaches only this process, and the hang-up of a terminal, on which supervisord
        would restart, does not reach it.
        """
        with run_folder.create() as run_dir:
            # The web server and the scorer count here for /metrics. Training processes do not: each would leave files.
            os.mkdir(f"{run_dir}/metrics")
            command = [
                sys.executable,
                "-m",
                "mlplatform.management.supervisord",
                "-c",
                "mlplatform/supervisord.conf",
            ]
            if os.getuid() == 0:
                command.append("--user=0")  # or it warns about running as root
            environment = {
                "DATA_DIR": str(settings.DATA_DIR),  # it may be relative to another folder
                "PYTHONUNBUFFERED": "1",
                parent_process.VARIABLE: str(os.getpid()),
                "PLATFORM_ADMIN_PASSWORD": "",  # the administrator exists
                "RUN_DIR": run_dir,
                "RUN_PYTHON": sys.executable,
                "TRAIN_WORKERS": str(settings.TRAIN_WORKERS),
                "WEB_STOP_S": str(process.STOP_S),
            } | local.environment(run_dir)
            self.supervisord = subprocess.Popen(  # noqa: S603 - our own command
                command,
                # Nobody balances the load of a terminal, and Ctrl-C should not take longer.
                env={"DRAIN_S": "0" if os.isatty(0) else ""} | os.environ | environment,
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
            while output := self.supervisord.stdout.read1(READ_BYTES):  # the request log has many lines
                if not forward(output):  # the reader is gone; keep reading, so that the stop is graceful
                    self._stop()
            return self.supervisord.wait()


def forward(text: bytes) -> bool:
    """Write to stdout; False if nothing reads it any more."""
    try:
        while text:
            text = text[os.write(sys.stdout.fileno(), text) :]
    except OSError:
        return False
    return True


def watch_make(stop) -> None:
    """Stop when the make process that started this one is killed or interrupted.

    Ctrl-C reaches every process of the terminal. make does not forward a SIGINT that is sent to it alone (`kill
    -INT`): it waits for its recipe, and only stops catching the signal.
    """
    make = os.getppid()
    caught = caught_signals(make)
    while os.getppid() == make and caught_signals(make) == caught:
        time.sleep(0.5)
    stop()


def caught_signals(pid: int) -> int:
    """Which of SIGHUP and SIGINT the process catches, as a bit mask; 0 without /proc."""
    try:
        with open(f"/proc/{pid}/status") as status:
            mask = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt:"))
    except OSError:
        return 0
    return mask & 0b11


def check_port() -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.HOST, settings.PORT, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()  # with SO_REUSEADDR a second bind can succeed; a second listen cannot
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = settings.PORT % 65535 + 1
            raise CommandError(
                f"Port {settings.PORT} of {settings.HOST} is in use. "
                f"Stop the process that uses it, or choose another port: PORT={other} make run"
            ) from error
        raise CommandError(
            f"Cannot listen on HOST={settings.HOST} PORT={settings.PORT}: {error.strerror}."
        ) from error


def collect_static() -> None:
    """Collect and compress the static files, unless none has changed since the last time."""
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
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    with open(settings.STATIC_ROOT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two platforms of one checkout would write the same files
        if not stamp.exists() or stamp.read_text() != digest:
            call_command("collectstatic", verbosity=0, interactive=False)
            stamp.write_text(digest)


def announce() -> None:
    """Print the address once the platform is ready, and every SLOW_START_S until then why it is not."""
    host = ANY_ADDRESS.get(settings.HOST, settings.HOST)
    url = f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"
    warn_at = time.monotonic() + SLOW_START_S
    while True:
        status, reason = readiness(host)
        if status == 200:
            forward(f"Ready: {url}{settings.URL_PREFIX}\n".encode())
            return
        if time.monotonic() > warn_at:
            forward(f"Not ready yet: {reason}.\n".encode())
            warn_at += SLOW_START_S
        time.sleep(0.1)


def readiness(host: str) -> tuple[int, str]:
    """The status of /readyz, 0 without a response, and why the platform is not ready."""
    connection = http.client.HTTPConnection(host, settings.PORT, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            return response.status, unready_services(response.read())
        except ConnectionRefusedError:
            return 0, "the web server is starting"
        except (OSError, http.client.HTTPException):
            return 0, "the web server does not respond"


def unready_services(body: bytes) -> str:
    """What /readyz reports: "database: no answer"."""
    try:
        checks = json.loads(body)["checks"]
    except (ValueError, TypeError, KeyError):
        return "the web server does not respond as expected"
    return ", ".join(f"{name}: {state}" for name, state in checks.items() if state != "ok")
