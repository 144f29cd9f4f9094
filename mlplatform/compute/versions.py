"""The versions of what a fit depends on: a worker with others would return other numbers, or none."""

import functools
import hashlib
import json
import platform
from importlib import metadata

from django.conf import settings

LIBRARIES = (
    *("dask", "distributed", "joblib", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy"),
    *("xgboost-cpu", "xgboost", "lightgbm", "catboost", "torch", "skorch", "keras"),
)
# The code that runs on workers.
SOURCES = ("mlplatform/compute", "mlplatform/validation", "registry")
PLATFORM = "the platform"


@functools.cache
def installed() -> dict[str, str]:
    """By name, of this process. The platform's own version is a digest of its code."""
    versions = {"Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions | {PLATFORM: _digest_of_code()}


def _digest_of_code() -> str:
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((settings.BASE_DIR / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                digest.update(str(path.relative_to(settings.BASE_DIR)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def fingerprint() -> str:
    """The name of a resource that workers with these versions have, and that each task asks for."""
    digest = hashlib.sha256(json.dumps(installed(), sort_keys=True).encode())
    return f"ml-mini-platform-{digest.hexdigest()[:16]}"


def difference(theirs: dict[str, str] | None) -> str:
    """What is different on a worker, as a part of a sentence; "" if nothing is."""
    if not isinstance(theirs, dict):
        return "it was not started with `python -m mlplatform.compute worker`"
    ours = installed()
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    parts = [f"{name} {theirs.get(name, 'is missing')} (here {ours.get(name, 'none')})" for name in names]
    return f"it has {', '.join(parts)}" if parts else ""
