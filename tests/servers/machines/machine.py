"""Another machine of a platform, which shares its database, object store and secret key, and no file."""

import contextlib
import itertools
import subprocess
import sys

import psutil
import requests

from tests.servers.migrated import ROOT
from tests.servers.platform import Platform
from tests.servers.processes import free_ports, until


class Machine:
    def __init__(self, platform: Platform, **env: str):
        self.processes = platform.processes
        self.folder = self.processes.folder("machine")
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        places = {"PORT": str(self.port), "DATA_DIR": str(self.folder / "data"), "TMPDIR": str(self.folder)}
        self.env = platform.env | places | env
        self.running: list[subprocess.Popen] = []

    def start(self, *command: str, **env: str) -> subprocess.Popen:
        log = self.folder / f"{command[-1]}.log"
        process = self.processes.start([sys.executable, *command], env=self.env | env, log=log)
        self.running.append(process)
        return process

    def start_web(self, **env: str) -> subprocess.Popen:
        """Start a web server, and wait until it answers. It may not be ready."""
        web = self.start("-m", "mlplatform.web", **env)
        until(lambda: self.status("/livez") == 200, what="A web server on another machine")
        return web

    def start_command(self, name: str, **env: str) -> subprocess.Popen:
        return self.start(str(ROOT / "manage.py"), name, **env)

    def status(self, path: str) -> int:
        """The status of a page; 0 without a server."""
        try:
            return requests.get(self.url + path, timeout=60).status_code
        except requests.ConnectionError:
            return 0

    def stop(self) -> None:
        """Ask all its processes to end."""
        for process in self.running:
            if process.poll() is None:
                self.processes.stop(process)
        self.running.clear()

    def family(self) -> list[psutil.Process]:
        """Its processes and their children."""
        roots = [psutil.Process(process.pid) for process in self.running]
        return [*roots, *(child for root in roots for child in root.children(recursive=True))]

    def kill(self) -> list[psutil.Process]:
        """Kill all its processes and their children, as if the machine was switched off, and return them."""
        for process in (family := self.family()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for process in self.running:
            self.processes.stop(process)
        self.running.clear()
        return family


class Alternating(Platform):
    """A running platform, each call of which goes to the next of these addresses."""

    def __init__(self, platform: Platform, *urls: str):
        self.__dict__.update(platform.__dict__)
        self._urls = itertools.cycle(urls)

    @property
    def url(self) -> str:
        return next(self._urls)


class Pages:
    """A browser without a window: the session of a user, whose requests go to the next machine each."""

    def __init__(self, platform: Alternating, username: str, password: str):
        self._platform = platform
        self._session = requests.Session()
        self._session.trust_env = False
        self.get("/accounts/login/")
        self.post("/accounts/login/", {"username": username, "password": password})

    def get(self, path: str) -> requests.Response:
        return self._session.get(self._platform.url + path, timeout=60)

    def post(self, path: str, fields: dict, **options) -> requests.Response:
        url = self._platform.url + path
        fields |= {"csrfmiddlewaretoken": self._session.cookies["csrftoken"]}
        headers = {"Referer": url}
        return self._session.post(url, fields, headers=headers, timeout=60, allow_redirects=False, **options)
