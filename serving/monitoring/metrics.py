"""Metrics of predictions and of the model cache.

With PROMETHEUS_MULTIPROC_DIR set (`manage.py run` and the web server set it) each process counts in files of its own,
which are summed when they are read. Label combinations are cached: looking them up costs more than counting.
"""

import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from rest_framework.exceptions import APIException

from mlplatform.errors import NotReady
from mlplatform.metrics import Counter, Gauge, Histogram

FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SLOT = ["model", "version", "environment", "protocol"]

requests = Counter("mlmp_predict_requests_total", "Predictions asked for", [*SLOT, "outcome"])
seconds = Histogram("mlmp_predict_duration_seconds", "Time of a prediction", SLOT, buckets=FAST)
rows = Counter("mlmp_predict_rows_total", "Rows predicted", SLOT)
warnings = Counter(
    "mlmp_predict_input_warnings_total", "What was odd in predicted rows", ["model", "environment", "kind"]
)
loads = Counter("mlmp_model_loads_total", "Models loaded into memory", ["result"])
load_seconds = Histogram("mlmp_model_load_duration_seconds", "Time to load and prove a model", buckets=FAST)
models = Gauge("mlmp_models_resident", "Models in memory", multiprocess_mode="livesum")
model_bytes = Gauge("mlmp_models_resident_bytes", "Their size", multiprocess_mode="livesum")


@lru_cache(maxsize=4096)
def _of(model: str, number: int, stage: str, protocol: str) -> tuple:
    labels = (model, str(number), stage, protocol)
    return requests.labels(*labels, "ok"), seconds.labels(*labels), rows.labels(*labels)


@lru_cache(maxsize=4096)
def _notices(model: str, stage: str, kind: str):
    return warnings.labels(model, stage, kind)


def predicted(slot, *, protocol: str, rows: int, notices: dict[str, int], start: float) -> None:
    release = slot.release
    name = release.dataset.name
    requests_, seconds_, rows_ = _of(name, release.model_version.number, release.stage, protocol)
    requests_.inc()
    rows_.inc(rows)
    for kind, count in notices.items():
        _notices(name, release.stage, kind).inc(count)
    seconds_.observe(time.perf_counter() - start)


def _failed(error: Exception, *, protocol: str, slot) -> None:
    """Names that a caller made up would be labels without end: what has no slot is counted without a model."""
    of = ("", "", "")
    if slot is not None:
        of = (slot.release.dataset.name, str(slot.release.model_version.number), slot.release.stage)
    requests.labels(*of, protocol, _outcome(error)).inc()


def _outcome(error: Exception) -> str:
    if isinstance(error, (NotReady, OperationalError, InterfaceError)):
        return "not_ready"
    return "invalid" if isinstance(error, (ValidationError, PermissionDenied, APIException)) else "error"


class Attempt:
    """What is being predicted, as far as it is known."""

    slot = None


_attempts = threading.local()


@contextmanager
def failures(protocol: str) -> Iterator[Attempt]:
    """Count what a block of code raises, by the slot that it has found by then; the outermost block does.

    A protocol's block begins with the body, which may be refused before it asks for a prediction. Who has no token, or
    may not predict, is not counted.
    """
    if seen := getattr(_attempts, "now", None):
        yield seen
        return
    seen = _attempts.now = Attempt()
    try:
        yield seen
    except Exception as error:
        _failed(error, protocol=protocol, slot=seen.slot)
        raise
    finally:
        _attempts.now = None


@contextmanager
def loading() -> Iterator[None]:
    start = time.perf_counter()
    result = "failed"
    try:
        yield
        result = "ok"
    finally:
        loads.labels(result).inc()
        load_seconds.observe(time.perf_counter() - start)


def resident(count: int, nbytes: int) -> None:
    models.set(count)
    model_bytes.set(nbytes)


def build() -> dict[str, str]:
    """The labels of mlmp_build_info."""
    return {
        "version": "0.1.0",
        "python": platform.python_version(),
        "sklearn": version("scikit-learn"),
    }
