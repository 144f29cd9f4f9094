"""How every process of a cluster talks to the others: its settings, and Dask's configuration."""

from urllib.parse import urlsplit

import dask.config
from distributed.security import Security
from django.conf import settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def configure() -> None:
    """Dask's configuration in this process. It reads DASK_SCHEDULER too, as something else."""
    dask.config.set(
        {
            "scheduler": None,
            # Ports that tell about the cluster without TLS.
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            # The rows of a training stay in memory; the process has a limit of its own.
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.terminate": False,
            "distributed.admin.large-graph-warning-threshold": "16 GiB",
            "distributed.comm.require-encryption": settings.DASK_SCHEDULER.startswith("tls://"),
        }
    )


def security() -> Security:
    if not settings.DASK_TLS_CERT:
        return Security(require_encryption=False)
    keys = {"tls_ca_file": settings.DASK_TLS_CA}
    for role in ("client", "scheduler", "worker"):
        keys |= {f"tls_{role}_cert": settings.DASK_TLS_CERT, f"tls_{role}_key": settings.DASK_TLS_KEY}
    return Security(require_encryption=True, **keys)


def listen_on() -> str | None:
    """The host to listen on: one machine alone uses its loopback, a cluster all its addresses."""
    host = urlsplit(settings.DASK_SCHEDULER).hostname
    return host if host in LOOPBACK else None
