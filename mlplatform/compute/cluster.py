"""The engine that trainings can spread over: none but the machine itself, or a cluster of Dask.

The only module that submits work to one. A training does not know Dask: it names a function, and gets its result.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

from django.conf import settings

from mlplatform.compute import tasks, versions
from mlplatform.errors import NotReady
from mlplatform.jobs.attempt import Retried

WAIT_S = 300  # for a scheduler and a first worker: longer than both take to start again
CONNECT_S = 5
PAUSE_S = 0.5


class WorkersDied(Exception):
    """Each worker that ran a task has died of it."""


def is_configured() -> bool:
    return settings.COMPUTE == "dask"


class Task:
    """A call that runs on a worker, or will."""

    def __init__(self, future):
        self._future = future

    def result(self):
        """Wait for it. Raises what it raised, WorkersDied, and Retried if the scheduler is lost."""
        from distributed import KilledWorker

        try:
            return self._future.result()
        except KilledWorker as error:
            raise WorkersDied(str(error)) from error
        except (CancelledError, OSError) as error:
            if self._future.status == "error":  # of the task itself, such as a full disk
                raise
            raise _lost() from error

    def cancel(self) -> None:
        """Do not run it, or stop it: a worker that still runs it in a few seconds starts again."""
        self._future.release()


class Cluster:
    """A connection to a cluster with at least one worker of the same versions as this process."""

    def __init__(self, client, workers: int):
        self._client, self.workers = client, workers
        self._resources = {versions.fingerprint(): 1}  # of a worker: one task at a time

    def share(self, value):
        """An argument of tasks that is sent to each worker once, even to one that replaces another."""
        from distributed.protocol import serialize_bytes

        return self._submit(tasks.load, serialize_bytes(value))

    def submit(self, path: str, *arguments, priority: int = 0) -> Task:
        """Run the function of this dotted path on a worker; those of a higher priority come first."""
        return Task(self._submit(tasks.call, path, *arguments, priority=priority))

    def _submit(self, function: Callable, *arguments, **options):
        try:
            return self._client.submit(function, *arguments, pure=False, resources=self._resources, **options)
        except (CancelledError, OSError) as error:
            raise _lost() from error


@contextlib.contextmanager
def connected(*, name: str, report: Callable[[str], None], wait_s: float = WAIT_S) -> Iterator[Cluster]:
    """A connection that ends with the block, and with it all its tasks.

    Waits for a scheduler and a worker that can be used. Raises NotReady (compute_unavailable) if there is none in time:
    the sentence says which workers were refused, and why.
    """
    client, workers = _connect(name, report, wait_s)
    report(f"Dask at {settings.DASK_SCHEDULER}: {workers} worker{'s' if workers != 1 else ''}.")
    try:
        yield Cluster(client, workers)
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=2)


def _connect(name: str, report: Callable[[str], None], wait_s: float):
    if not settings.DASK_SCHEDULER:
        raise NotReady(
            "COMPUTE=dask has a cluster under `make run` only. Set DASK_SCHEDULER to the address of another one.",
            code="compute_unavailable",
        )
    from distributed import Client

    from mlplatform.compute import connection

    connection.configure()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is raised
    deadline, client, said = time.monotonic() + wait_s, None, ""
    while True:
        try:
            if client is None:
                client = Client(
                    settings.DASK_SCHEDULER,
                    security=connection.security(),
                    timeout=CONNECT_S,
                    set_as_default=False,
                    name=name,
                )
            usable, refused = _workers(client)
        except (OSError, CancelledError, TimeoutError) as error:
            client, usable = None, 0
            refused = [
                f"It does not respond: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            ]
        reason = " ".join(refused)
        if reason != said:
            report(f"Dask at {settings.DASK_SCHEDULER}: {reason or 'all workers can be used.'}")
            said = reason
        if usable:
            return client, usable
        if time.monotonic() > deadline:
            if client is not None:
                client.close(timeout=2)
            raise NotReady(
                f"The Dask cluster at {settings.DASK_SCHEDULER} has no worker that can be used. "
                f"{reason or 'None has connected.'}",
                code="compute_unavailable",
            )
        time.sleep(PAUSE_S)


def _workers(client) -> tuple[int, list[str]]:
    """How many workers can be used, and a sentence about each of the others."""
    workers = client.scheduler_info()["workers"]
    reasons = {address: versions.difference(worker.get("versions")) for address, worker in workers.items()}
    refused = [
        f"The worker {address} is not used: {reason}." for address, reason in reasons.items() if reason
    ]
    return len(reasons) - len(refused), refused


def _lost() -> Retried:
    return Retried(
        f"The Dask scheduler at {settings.DASK_SCHEDULER} was lost while trials were running.",
        code="compute_lost",
    )
