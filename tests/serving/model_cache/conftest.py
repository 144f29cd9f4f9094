"""A model cache for each test, and ways to slow down or break what the cache needs."""

import threading
from typing import ClassVar

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError, connection
from prometheus_client import REGISTRY

from registry.models import Release
from registry.releases import history
from serving.model_cache.cache import ModelCache


@pytest.fixture
def make_cache():
    def make(**fields) -> ModelCache:
        patient = {"short_wait_s": 60, "load_timeout_s": 60}  # on a busy machine a load takes seconds
        return ModelCache(**{"memory_mb": 1024, "stale_s": 3600} | patient | fields)

    return make


@pytest.fixture
def cache(make_cache):
    """As in a process without a refresher."""
    return make_cache()


@pytest.fixture
def refreshed_cache(make_cache, clock):
    """As in a web process, but the test calls refresh()."""
    return make_cache(is_refreshed=True, clock=clock)


@pytest.fixture
def two_versions(make_dataset, make_version):
    """Versions 1 and 2 of flowers; 2 is live in dev."""
    source = make_dataset()
    return [make_version(source), make_version(source)]


@pytest.fixture
def artifact_path(settings):
    def path(version):
        return settings.DATA_DIR / "trained-models" / version.releases.get().key

    return path


@pytest.fixture
def truncate_artifact(artifact_path):
    def truncate(version) -> None:
        path = artifact_path(version)
        path.write_bytes(path.read_bytes()[:-1])

    return truncate


class Gate:
    """Holds up the loads of an artifact until finish()."""

    def __init__(self):
        self._is_loading, self._is_finished = threading.Event(), threading.Event()

    def hold(self) -> None:
        self._is_loading.set()
        assert self._is_finished.wait(60)

    def wait_for_load(self) -> None:
        assert self._is_loading.wait(60)

    def finish(self) -> None:
        self._is_finished.set()


class GatedStorage(FileSystemStorage):
    gates: ClassVar[dict[str, Gate]] = {}

    def _open(self, name, mode="rb"):
        if gate := self.gates.get(name):
            gate.hold()
        return super()._open(name, mode)


@pytest.fixture
def slow_artifact(settings):
    """Makes a version's artifact load until the test calls finish() of the result."""
    models = settings.STORAGES["models"] | {"BACKEND": f"{__name__}.GatedStorage"}
    settings.STORAGES = settings.STORAGES | {"models": models}

    def slow(version) -> Gate:
        return GatedStorage.gates.setdefault(version.releases.get().key, Gate())

    yield slow
    for gate in GatedStorage.gates.values():
        gate.finish()
    GatedStorage.gates.clear()


def database_down():
    def refuse(execute, sql, params, many, context):
        raise OperationalError("gone")

    return connection.execute_wrapper(refuse)


def before_first_query(action):
    """Inside the block, call `action` once, before the first query is sent."""
    pending = [action]

    def call(execute, sql, params, many, context):
        if pending:
            pending.pop()()
        return execute(sql, params, many, context)

    return connection.execute_wrapper(call)


def release_elsewhere(number: int) -> None:
    """Make a version live again as another machine does it: without a signal on this one."""
    older = Release.objects.get(model_version__number=number)
    with history.in_turn(older.dataset):
        Release.objects.live().update(ended_at=older.started_at)
        Release.objects.filter(pk=older.pk).update(ended_at=None)


def load_count(result: str = "ok") -> float:
    return REGISTRY.get_sample_value("mlmp_model_loads_total", {"result": result}) or 0


def live_number(cache: ModelCache, stage: str = "dev") -> int:
    return cache.get("flowers", stage=stage).release.model_version.number
