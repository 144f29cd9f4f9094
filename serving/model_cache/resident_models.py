"""Loaded models by version, within a memory budget."""

import gc
import logging
import threading
from collections.abc import Callable
from concurrent.futures import wait
from functools import partial

from django.core.exceptions import ValidationError

from mlplatform.errors import NotReady
from mlplatform.resilience.background import SingleFlight
from registry.models import ModelVersion
from serving.model_cache.loader import Model, load
from serving.monitoring import metrics

RETRY_LOAD_S = 30

logger = logging.getLogger(__name__)


class ResidentModels:
    """The models in memory. The artifacts of a version in all stages have the same bytes, so they are one model.

    Loads each model at most once at a time. Beyond the budget it evicts the least recently used models, but never the
    one just loaded, and calls `on_evict` for each.
    """

    def __init__(
        self,
        *,
        memory_mb: float,
        on_evict: Callable[[Model], None],
        clock: Callable[[], float],
        load_timeout_s: float,
        short_wait_s: float,
        max_waiting: int,
    ):
        self._budget = memory_mb * 1024**2
        self._on_evict = on_evict
        self._clock = clock
        self._load_timeout_s = load_timeout_s
        self._short_wait_s = short_wait_s
        self._waiting = threading.Semaphore(max_waiting)
        self._lock = threading.Lock()
        self._models: dict[int, Model] = {}
        self._loads = SingleFlight(2, "model load", close_connections=True)
        self._failures: dict[int, tuple[float, Exception]] = {}  # of loads in the background, by version

    def get(self, version_id: int) -> Model | None:
        return self._models.get(version_id)

    def load(self, version: ModelVersion, key: str) -> Model:
        """The model of a version, loaded from the artifact under `key` if it is not in memory.

        Concurrent callers share one load. Raises NotReady if it takes longer than the time limit, or longer than the
        short wait while `max_waiting` threads wait already: the rest are for models in memory. The load continues.
        """
        if model := self._models.get(version.pk):
            return model
        future = self._loads.start(version.pk, partial(self._load, version, key))
        wait([future], self._short_wait_s)
        if not future.done() and self._waiting.acquire(blocking=False):
            try:
                wait([future], self._load_timeout_s - self._short_wait_s)
            finally:
                self._waiting.release()
        if not future.done():
            raise NotReady("The model is being loaded. Try again in a moment.", code="model_loading")
        return future.result()

    def start_loading(self, version: ModelVersion, key: str, *, used_at: float) -> None:
        """Load a model in the background. A failure is logged and kept for recent_failure()."""
        self._loads.start(version.pk, partial(self._load_in_background, version, key, used_at))

    def recent_failure(self, version_id: int) -> Exception | None:
        """Why the version could not be loaded in the background, if that was less than 30 seconds ago."""
        failed_at, error = self._failures.get(version_id, (0.0, None))
        if error and self._clock() - failed_at >= RETRY_LOAD_S:
            self._failures.pop(version_id, None)
            return None
        return error

    def add(self, model: Model, *, used_at: float | None = None) -> Model:
        """Keep a loaded model, and return it; or return the one of its version that is in memory already."""
        model.used_at = self._clock() if used_at is None else used_at
        with self._lock:
            if resident := self._models.get(model.version.pk):
                resident.used_at = max(resident.used_at, model.used_at)
                return resident
            self._models[model.version.pk] = model
            evicted = self._evict(keep=model)
            metrics.set_resident(len(self._models), self._nbytes())
        for other in evicted:
            self._on_evict(other)
        gc.freeze()  # else each full collection, which a request of 10,000 rows triggers, walks over all models
        return model

    def has_space(self) -> bool:
        """Whether less than half of the budget is used, so that the next model probably evicts none."""
        with self._lock:
            return self._nbytes() < self._budget / 2

    def clear(self) -> None:
        with self._lock:
            self._models.clear()
            self._failures.clear()

    def _load(self, version: ModelVersion, key: str, used_at: float | None = None) -> Model:
        return self._models.get(version.pk) or self.add(load(version, key), used_at=used_at)

    def _load_in_background(self, version: ModelVersion, key: str, used_at: float) -> Model:
        try:
            return self._load(version, key, used_at)
        except Exception as error:
            reason = error.messages[0] if isinstance(error, ValidationError) else repr(error)
            logger.warning("%s could not be loaded; next try in %s s: %s", version, RETRY_LOAD_S, reason)
            self._failures[version.pk] = self._clock(), error
            raise

    def _evict(self, *, keep: Model) -> list[Model]:
        evicted = []
        while len(self._models) > 1 and self._nbytes() > self._budget:
            others = [model for model in self._models.values() if model is not keep]
            oldest = min(others, key=lambda model: model.used_at)
            evicted.append(self._models.pop(oldest.version.pk))
        return evicted

    def _nbytes(self) -> int:
        return sum(model.nbytes for model in self._models.values())
