"""A process of a cluster, which __main__.py starts without secrets: the scheduler, or a worker."""

import asyncio
import logging
import os
import resource
import shutil
import signal
import sys
from urllib.parse import urlsplit

import distributed
import django
import psutil
from django.conf import settings
from django.utils.module_loading import import_string

from mlplatform.compute import connection, versions
from mlplatform.compute.__main__ import FOLDER
from mlplatform.resilience import parent_process

GRACE_S = 5  # for a fit that is no longer wanted
NO_PORT = "127.0.0.1:0"  # Dask serves its pages somewhere; they are empty

logger = logging.getLogger(__name__)


class RestartIfBusy(distributed.WorkerPlugin):
    """Starts the worker again if a task goes on for GRACE_S after it was cancelled: no thread can be stopped."""

    name = "restart if busy"

    def setup(self, worker) -> None:
        self.worker = worker

    def transition(self, key, start, finish, **kwargs) -> None:
        if (start, finish) == ("executing", "released"):
            self.worker.loop.call_later(GRACE_S, self._check, key)

    async def _check(self, key) -> None:
        task = self.worker.state.tasks.get(key)
        if task and task.state == "cancelled" and task in self.worker.state.executing:
            logger.warning("a fit that was cancelled goes on: the worker starts again")
            await self.worker.close(timeout=1, executor_wait=False, reason="a cancelled fit went on")


class Scheduler(distributed.Scheduler):
    """Blames the death of a worker on the task that it ran: Dask's would also fail those that waited for the worker."""

    async def remove_worker(self, address, *, expected: bool = False, **options):
        for task in [] if expected else self._waiting(self.workers.get(address)):
            task.suspicious -= 1  # what Dask's adds
        return await super().remove_worker(address, expected=expected, **options)

    @staticmethod
    def _waiting(worker) -> list:
        """The tasks that a worker of one thread has not begun. It says in heartbeats what it runs; before the first one
        that is the task of the highest priority."""
        assigned = [] if worker is None else sorted(worker.processing, key=lambda task: task.priority)
        running = [task for task in assigned if task in worker.executing] or assigned[:1]
        return [task for task in assigned if task not in running]


async def schedule() -> None:
    scheduler = Scheduler(
        host=connection.listen_on(),
        port=urlsplit(settings.DASK_SCHEDULER).port,
        protocol=urlsplit(settings.DASK_SCHEDULER).scheme,
        security=connection.security(),
        dashboard=False,
        dashboard_address=NO_PORT,
    )
    async with scheduler:
        close_on_signal(scheduler)
        await scheduler.finished()


async def work() -> bool:
    """Run tasks until the scheduler is lost, which returns true, or a signal."""
    worker = distributed.Worker(
        settings.DASK_SCHEDULER,
        nthreads=1,
        resources={versions.fingerprint(): 1},
        startup_information={"versions": lambda worker: versions.installed()},
        plugins=(RestartIfBusy(),),
        host=connection.listen_on(),
        security=connection.security(),
        memory_limit=0,
        dashboard=False,
        dashboard_address=NO_PORT,
    )
    signals = close_on_signal(worker)
    async with worker:
        await worker.finished()
    return not signals


def close_on_signal(server) -> list[int]:
    """Close the server on SIGTERM and SIGINT. Returns a list of the signals, as they come."""
    signals: list[int] = []
    closing = set()

    def close(number: int) -> None:
        signals.append(number)
        closing.add(asyncio.ensure_future(server.close(reason="stopped")))

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, close, number)
    return signals


def limit_memory() -> None:
    """Let a fit fail beyond TRAIN_MEMORY_MB, where Linux counts what a process has."""
    used = getattr(psutil.Process().memory_info(), "data", None)
    if used is not None:
        limit = used + settings.TRAIN_MEMORY_MB * 1024**2
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def discard_folder() -> None:
    if folder := os.environ.get(FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


def main(role: str) -> None:
    django.setup()
    logging.getLogger("distributed").setLevel(logging.WARNING)
    connection.configure()
    parent_process.end_with_parent()
    if role == "scheduler":
        asyncio.run(schedule())
        discard_folder()
        return
    # A first fit would otherwise wait for these imports, which take seconds.
    for path in settings.PRELOAD:
        import_string(path)()
    limit_memory()
    is_to_continue = asyncio.run(work())
    discard_folder()
    sys.stdout.flush()
    if is_to_continue:  # in a new interpreter, which ends the thread of a fit that cannot be stopped
        os.execv(sys.executable, [sys.executable, "-m", "mlplatform.compute", "worker"])  # noqa: S606
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
