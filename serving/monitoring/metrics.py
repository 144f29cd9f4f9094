"""Prometheus metrics of predictions and of the model cache.

With PROMETHEUS_MULTIPROC_DIR set (`manage.py run` and the web server set it), each process counts in its own files,
which are summed on a scrape. Metrics with labels are cached: finding one by its labels costs more than counting.
"""

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.metadata import version

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from rest_framework.exceptions import APIException

from mlplatform.errors import NotReady
from mlplatform.metrics import Counter, Gauge, Histogram
from serving.monitoring import usage

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LABELS = ["model", "version", "environment", "protocol"]

requests = Counter("mlmp_predict_requests_total", "Prediction requests", [*LABELS, "outcome"])
request_seconds = Histogram(
    "mlmp_predict_duration_seconds", "Duration of predictions", LABELS, buckets=BUCKETS
)
predicted_rows = Counter("mlmp_predict_rows_total", "Predicted rows", LABELS)
input_warnings = Counter(
    "mlmp_predict_input_warnings_total", "Input warnings of predicted rows", ["model", "environment", "kind"]
)
loads = Counter("mlmp_model_loads_total", "Models loaded into memory", ["result"])
load_seconds = Histogram(
    "mlmp_model_load_duration_seconds", "Duration of loading and verifying a model", buckets=BUCKETS
)
models = Gauge("mlmp_models_resident", "Models in memory", multiprocess_mode="livesum")
model_bytes = Gauge("mlmp_models_resident_bytes", "Size of the models in memory", multiprocess_mode="livesum")


@lru_cache(maxsize=4096)
def _of_model(model: str, number: int, stage: str, protocol: str) -> tuple[Counter, Counter, Histogram]:
    labels = (model, str(number), stage, protocol)
    return requests.labels(*labels, "ok"), predicted_rows.labels(*labels), request_seconds.labels(*labels)


@lru_cache(maxsize=4096)
def _of_warning(model: str, stage: str, kind: str) -> Counter:
    return input_warnings.labels(model, stage, kind)


def count_prediction(entry, *, protocol: str, rows: int, warnings: dict[str, int], start: float) -> None:
    """Count a prediction by a cache entry that began at `start`, with its input warnings by kind."""
    release = entry.release
    model = release.dataset.name
    ok, row_counter, seconds = _of_model(model, release.model_version.number, release.stage, protocol)
    ok.inc()
    row_counter.inc(rows)
    for kind, count in warnings.items():
        _of_warning(model, release.stage, kind).inc(count)
    seconds.observe(time.perf_counter() - start)
    usage.shared_usage().add(release.pk, rows=rows, input_warnings=sum(warnings.values()))


class Call:
    """A call that predicts, with the cache entry once there is one."""

    entry = None


_call: ContextVar[Call | None] = ContextVar("prediction_call", default=None)


@contextmanager
def count_failures(protocol: str) -> Iterator[Call]:
    """Count an exception that leaves the block as a failed prediction, with the labels of the call's entry.

    Of nested blocks the outermost counts: a protocol's block starts before the body is parsed. Requests without a
    valid token or the permission to predict are not counted.
    """
    if outer := _call.get():
        yield outer
        return
    call = Call()
    token = _call.set(call)
    try:
        yield call
    except Exception as error:
        _count_failure(error, protocol=protocol, entry=call.entry)
        raise
    finally:
        _call.reset(token)


def _count_failure(error: Exception, *, protocol: str, entry) -> None:
    labels = (
        "",
        "",
        "",
    )  # without an entry the name is the caller's: any text, so it must not become a label
    if entry is not None:
        release = entry.release
        labels = (release.dataset.name, str(release.model_version.number), release.stage)
    outcome = _outcome(error)
    requests.labels(*labels, protocol, outcome).inc()
    if entry is not None:
        is_invalid = outcome == "invalid"
        usage.shared_usage().add(entry.release.pk, rejected=int(is_invalid), failed=int(not is_invalid))


def _outcome(error: Exception) -> str:
    if isinstance(error, (NotReady, OperationalError, InterfaceError)):
        return "not_ready"
    return "invalid" if isinstance(error, (ValidationError, PermissionDenied, APIException)) else "error"


@contextmanager
def time_load() -> Iterator[None]:
    """Count and time a load of a model."""
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
