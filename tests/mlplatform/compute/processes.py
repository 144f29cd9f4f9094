"""A cluster as operators start it: a scheduler and workers, as processes on this machine."""

import os
import signal
import subprocess
import sys

from tests.servers.migrated import ROOT
from tests.servers.processes import Processes, free_ports

KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")


class ComputeProcesses:
    def __init__(self):
        self.processes = Processes()
        self.folder = self.processes.folder("compute")
        self.address = f"tcp://127.0.0.1:{free_ports(1)[0]}"
        self.workers: list[subprocess.Popen] = []
        self.start_scheduler()

    def start(self, *command: str) -> subprocess.Popen:
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.folder),
            "DASK_SCHEDULER": self.address,
        }
        return self.processes.start([sys.executable, "-m", *command], env=environment, log=self.log)

    @property
    def log(self):
        return self.folder / "log"

    def start_scheduler(self) -> None:
        self.scheduler = self.start("mlplatform.compute", "scheduler")

    def kill_scheduler(self) -> None:
        self.processes.stop(self.scheduler, signal.SIGKILL)

    def run_workers(self, count: int) -> None:
        while len(self.workers) > count:
            self.kill_worker()
        while len(self.workers) < count:
            self.workers.append(self.start("mlplatform.compute", "worker"))

    def kill_worker(self) -> None:
        self.processes.stop(self.workers.pop(), signal.SIGKILL)

    def stop(self) -> None:
        self.processes.stop_all()
