"""The models that this process holds in memory, by artifact: loaded once, the least used evicted."""

import threading
from collections import OrderedDict

from registry import artifacts
from registry.models import Release

MOST_RESIDENT = 32

_held: OrderedDict[str, object] = OrderedDict()
_loading: dict[str, threading.Lock] = {}
_guard = threading.Lock()


def pipeline_of(release: Release):
    """The fitted pipeline of a release; loaded and verified at most once at a time.

    An artifact's key is written once, so what is held under it never goes stale. Raises what
    artifacts.load() raises.
    """
    key = release.key
    with _guard:
        if key in _held:
            _held.move_to_end(key)
            return _held[key]
        lock = _loading.setdefault(key, threading.Lock())
    with lock:
        with _guard:
            if key in _held:
                return _held[key]
        pipeline = artifacts.load(release.model_version, key)
        with _guard:
            _held[key] = pipeline
            _loading.pop(key, None)
            while len(_held) > MOST_RESIDENT:
                _held.popitem(last=False)
        return pipeline


def forget() -> None:
    """Hold nothing any more."""
    with _guard:
        _held.clear()
