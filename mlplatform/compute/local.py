"""The cluster of one machine, which `manage.py run` starts beside its other processes."""

import socket
from pathlib import Path

from django.conf import settings


def environment(run_dir: str) -> dict[str, str]:
    """What the supervisor and its processes need: how many processes to start, their address and keys.

    With a certificate of its own in `run_dir`, which only this user can read: another user of the machine could
    otherwise send code to the port.
    """
    if settings.COMPUTE != "dask" or settings.DASK_SCHEDULER:
        return {"DASK_SCHEDULERS": "0", "DASK_LOCAL_WORKERS": "0", "DASK_WORKER_MEMORY_MB": "0"}
    from distributed.security import Security

    temporary = Security.temporary()
    files = {
        "DASK_TLS_CA": temporary.tls_ca_file,
        "DASK_TLS_CERT": temporary.tls_scheduler_cert,
        "DASK_TLS_KEY": temporary.tls_scheduler_key,
    }
    folder = Path(run_dir) / "compute"
    folder.mkdir(mode=0o700)
    for name, text in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)
    return {
        "DASK_SCHEDULERS": "1",
        "DASK_LOCAL_WORKERS": str(settings.DASK_WORKERS),
        "DASK_WORKER_MEMORY_MB": str(max(settings.TRAIN_MEMORY_MB // settings.DASK_WORKERS, 100)),
        "DASK_SCHEDULER": f"tls://127.0.0.1:{free_port()}",
        **{name: str(folder / name) for name in files},
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
