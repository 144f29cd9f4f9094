"""`python -m mlplatform.compute scheduler` or `worker`: a process of a cluster, without any secret of the platform.

Trials need their rows and parameters, which come with them. So the process gets a new environment of a few variables,
without the keys and passwords. That keeps them off other machines. It does not hide the environment of the other
processes of one user on one machine from code that looks for it: TLS keeps strangers from sending some.
"""

import os
import secrets
import sys
import tempfile

KEPT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH"),
    *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS", "GOMP_SPINCOUNT"),
    *("CUDA_VISIBLE_DEVICES", "DEVICE", "TRAIN_MEMORY_MB", "PLATFORM_PARENT_PID"),
    *("COMPUTE", "DASK_SCHEDULER", "DASK_TLS_CA", "DASK_TLS_CERT", "DASK_TLS_KEY"),
)
FOLDER = "COMPUTE_FOLDER"  # deleted at the end
ROLES = ("scheduler", "worker")


def environment() -> dict[str, str]:
    """One thread for each worker: together they use all cores, and sums of floats do not depend on their number."""
    kept = {name: os.environ[name] for name in KEPT if os.environ.get(name)}
    folder = tempfile.mkdtemp(prefix="ml-mini-platform-compute-")
    return {"OMP_NUM_THREADS": "1", "TRAIN_WORKERS": "1"} | kept | {
        "DJANGO_SETTINGS_MODULE": "mlplatform.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),  # signs nothing that is accepted
        "DATA_DIR": folder,
        "DASK_TEMPORARY_DIRECTORY": folder,
        FOLDER: folder,
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] not in ([role] for role in ROLES):
        sys.exit(f"Use: python -m mlplatform.compute {'|'.join(ROLES)}")
    os.execve(  # noqa: S606
        sys.executable, [sys.executable, "-m", "mlplatform.compute.node", sys.argv[1]], environment()
    )
