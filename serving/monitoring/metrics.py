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
MODEL_LABELS = ["model", "version", "environment", "protocol"]

requests = Counter("mlmp_predict_requests_total", "Predictions asked for", [*MODEL_LABELS, "outcome"])
seconds = Histogram("mlmp_predict_duration_seconds", "Time of a prediction", MODEL_LABELS, buckets=FAST)
rows = Counter("mlmp_predict_rows_total", "Rows predicted", MODEL_LABELS)
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


def count_prediction(entry, *, protocol: str, rows: int, warnings: dict[str, int], start: float) -> None:
    release = entry.release
    name = release.dataset.name
    requests_, seconds_, rows_ = _of(name, release.model_version.number, release.stage, protocol)
    requests_.inc()
    rows_.inc(rows)
    for kind, count in warnings.items():
        _notices(name, release.stage, kind).inc(count)
    seconds_.observe(time.perf_counter() - start)


def _failed(error: Exception, *, protocol: str, entry) -> None:
    """Names that a caller made up would be labels without end: what has no entry is counted without a model."""
    of = ("", "", "")
    if entry is not None:
        of = (entry.release.dataset.name, str(entry.release.model_version.number), entry.release.stage)
    requests.labels(*of, protocol, _outcome(error)).inc()


def _outcome(error: Exception) -> str:
    if isinstance(error, (NotReady, OperationalError, InterfaceError)):
        return "not_ready"
    return "invalid" if isinstance(error, (ValidationError, PermissionDenied, APIException)) else "error"


class Attempt:
    """What is being predicted, as far as it is known."""

    entry = None


_attempts = threading.local()


@contextmanager
def count_failures(protocol: str) -> Iterator[Attempt]:
    """Count what a block of code raises, by the entry that it has found by then; the outermost block does.

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
        _failed(error, protocol=protocol, entry=seen.entry)
        raise
    finally:
        _attempts.now = None


@contextmanager
def time_load() -> Iterator[None]:
    start = time.perf_counter()
    result = "failed"
    try:
        yield
        result = "ok"
    finally:
        loads.labels(result).inc()
        load_seconds.observe(time.perf_counter() - start)


def set_resident(count: int, nbytes: int) -> None:
    models.set(count)
    model_bytes.set(nbytes)


def build_labels() -> dict[str, str]:
    """The labels of mlmp_build_info."""
    return {
        "version": "0.1.0",
        "python": platform.python_version(),
        "sklearn": version("scikit-learn"),
    }
