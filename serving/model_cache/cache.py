"""The model cache: which models a process serves, kept in memory and replaced without a failed or mixed response."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from mlplatform.errors import NotReady
from mlplatform.resilience import circuit_breaker
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Release
from registry.releases import changes
from serving.model_cache.loader import Model, load
from serving.model_cache.release_lookup import find_release, normalized
from serving.model_cache.resident_models import ResidentModels

MAX_ENTRIES = 10_000
MAX_LOAD_S = 1  # during a longer load the release may have ended: the next request looks it up again
MIN_STALE_S = 1  # the refresher confirms each entry twice a second
# A process of an earlier version, during an upgrade, numbers no changes, and a restored database has lost some. So
# every few seconds some entries are compared with their releases all the same.
RECHECK_S, RECHECKED = 5, 100
IN_USE_S = 3600  # the new release of an entry that was not used for this long is loaded by the next request
Key = tuple[str, str | None, int | None]  # dataset, stage, version


@dataclass(slots=True)
class CacheEntry:
    """A release and its loaded model. A request uses one entry throughout, so its response never mixes two."""

    release: Release
    model: Model
    confirmed_at: float  # start of the last query that found the release live
    used_at: float
    is_followed: bool = False  # refresh() has found the release live, and would notice its change


class ModelCache:
    """The models in memory by dataset, stage and version.

    In a web process a Refresher renews the entries. Requests then query nothing, and wait only for a model that is not
    in memory. In a process without one, each get() checks the release with one small query. While the database or the
    object store is down, entries answer for `stale_s` seconds.
    """

    def __init__(
        self,
        *,
        memory_mb: float,
        stale_s: float,
        load_timeout_s: float = 5,
        short_wait_s: float = 1,  # nearly every model is loaded by then
        max_waiting: int = 1,
        is_refreshed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.is_refreshed = is_refreshed  # whether a Refresher runs
        self.models = ResidentModels(
            memory_mb=memory_mb,
            on_evict=self._drop_model,
            clock=clock,
            load_timeout_s=load_timeout_s,
            short_wait_s=short_wait_s,
            max_waiting=max_waiting,
        )
        self._stale_s = max(stale_s, MIN_STALE_S)
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[Key, CacheEntry] = {}
        self._last_change: int | None = None  # of the releases, that refresh() knows of
        self._rechecked, self._rechecked_at = 0, float("-inf")  # how many entries, and when

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, dataset: str, *, stage: str | None, version: int | None = None) -> CacheEntry:
        """The entry of a stage's live release; with `version`, of a version that is or was live there (None: in any).

        Raises ValidationError for an unknown stage, NotFound if nothing is live there, NotReady if the model takes too
        long to load or its store is down, ArtifactRefused if its artifact fails verification, and database errors.
        """
        key = (dataset, stage, version)
        entry = self._entries.get(key)
        if entry is None:
            key = (normalized(dataset), stage, version)
            entry = self._entries.get(key)
        now = self._clock()
        if entry is None or not self.is_refreshed or now - entry.confirmed_at >= self._stale_s:
            close_old_connections()  # the fast path skips the signal that does this
            entry = self._look_up(key, entry)
        entry.used_at = entry.model.used_at = now
        return entry

    def refresh(self) -> bool:
        """Confirm all entries, and replace those whose release has ended.

        One query asks for the datasets whose releases have changed, another one for the releases of their entries and
        of new ones: at rest, the database reads nothing for the models in memory. Starts to load models that are not in
        memory and does not wait for them. Returns whether any is still loading; its entry answers with the previous
        model until then. Raises database errors.
        """
        now = self._clock()
        with self._lock:
            entries = list(self._entries.items())
        if not entries:
            return False
        last = self._last_change
        changed = {0: changes.last()} if last is None else changes.since(last)
        recheck = self._to_recheck(entries, now)
        to_check = []
        for key, entry in entries:
            if last is None or entry.release.dataset_id in changed or key in recheck:
                entry.is_followed = False
            if entry.is_followed:
                entry.confirmed_at = now
            else:
                to_check.append((key, entry))
        self._last_change = max(changed.values(), default=last)  # the entries to check are marked
        return self._check(to_check, now)

    def _to_recheck(self, entries: list[tuple[Key, CacheEntry]], now: float) -> set[Key]:
        """The next few entries in turn, every few seconds."""
        if now - self._rechecked_at < RECHECK_S:
            return set()
        start = self._rechecked % len(entries)
        self._rechecked, self._rechecked_at = start + RECHECKED, now
        return {key for key, _ in entries[start : start + RECHECKED]}

    def _check(self, entries: list[tuple[Key, CacheEntry]], now: float) -> bool:
        """Confirm entries whose release is still the one, and replace the others; True if a model is still loading."""
        pks = {entry.release.pk for _, entry in entries}
        releases = Release.objects.filter(pk__in=pks, model_version__isnull=False).with_stage_is_live()
        columns = releases.values_list("pk", "ended_at", "stage_is_live") if pks else ()
        states = {pk: state for pk, *state in columns}
        is_loading = False
        for key, entry in entries:
            if _answers(key, states.get(entry.release.pk)):
                entry.confirmed_at, entry.is_followed = now, True
            elif self._replace(key, entry, now):
                is_loading = True
        return is_loading

    def verify(self, version: ModelVersion, key: str) -> None:
        """Load and verify an artifact that is about to be released, and keep its model. Raises ArtifactRefused.

        Verifies this copy even if the version is in memory from another stage.
        """
        if version.signature["can_predict"]:
            self.models.add(load(version, key))

    def can_answer(self) -> bool:
        """Whether an entry can still answer while the database or the object store is down."""
        now = self._clock()
        with self._lock:
            return any(now - entry.confirmed_at < self._stale_s for entry in self._entries.values())

    def clear(self) -> None:
        self.models.clear()
        with self._lock:
            self._entries.clear()

    def _look_up(self, key: Key, entry: CacheEntry | None) -> CacheEntry:
        """Query the live release and load its model; fall back on `entry` while the database or the store is down."""
        now = self._clock()
        try:
            with circuit_breaker.short_timeout():
                release = find_release(*key, current=entry and entry.release)
            if entry and release is entry.release:
                entry.confirmed_at = max(entry.confirmed_at, now)
                return entry
            found_at = self._clock()
            model = self.models.load(release.model_version, release.key)
        except (OperationalError, InterfaceError, NotReady) as error:
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            is_usable = entry and now - entry.confirmed_at < self._stale_s
            if is_usable and not isinstance(error, ArtifactRefused):
                return entry
            self._drop(key, now)
            raise
        except ValidationError:
            self._drop(key, now)
            raise
        found = CacheEntry(release, model, confirmed_at=now, used_at=now)
        is_recent = self._clock() - found_at < MAX_LOAD_S
        return self._store(key, found) if is_recent else found

    def _replace(self, key: Key, entry: CacheEntry, now: float) -> bool:
        """Put the release that is live now in place of an ended one; True if its model must be loaded first."""
        if now - entry.used_at >= IN_USE_S:
            self._drop(key, now)
            return False
        try:
            release = find_release(*key)
        except ValidationError:  # nothing is live there any more
            self._drop(key, now)
            return False
        version = release.model_version
        if model := self.models.get(version.pk):
            self._store(key, CacheEntry(release, model, confirmed_at=now, used_at=entry.used_at))
            return False
        if error := self.models.recent_failure(version.pk):
            if isinstance(error, ArtifactRefused):  # requests raise it
                self._drop(key, now)
            return False
        self.models.start_loading(version, release.key, used_at=entry.used_at)
        return True

    def _store(self, key: Key, entry: CacheEntry) -> CacheEntry:
        """Keep an entry and return it, or return the one in its place if that comes from a later look-up."""
        with self._lock:
            current = self._entries.get(key)
            if current and current.confirmed_at > entry.confirmed_at:
                return current
            if self.models.get(entry.model.version.pk) is entry.model:  # not evicted meanwhile
                self._entries[key] = entry
                if len(self._entries) > MAX_ENTRIES:
                    del self._entries[min(self._entries, key=lambda key: self._entries[key].used_at)]
        return entry

    def _drop(self, key: Key, looked_up_at: float) -> None:
        with self._lock:
            current = self._entries.get(key)
            if current and current.confirmed_at <= looked_up_at:
                del self._entries[key]

    def _drop_model(self, model: Model) -> None:
        with self._lock:
            for key in [key for key, entry in self._entries.items() if entry.model is model]:
                del self._entries[key]


def _answers(key: Key, state: tuple[datetime | None, bool] | None) -> bool:
    """Whether a release answers a key still, by its end and whether its stage is live; None: its version was deleted.

    An ended release answers requests for its version by number, unless they name a stage that is retired.
    """
    if state is None:
        return False
    (ended_at, stage_is_live), (_, stage, version) = state, key
    return ended_at is None or (version is not None and (stage is None or stage_is_live))


@cache
def shared_cache() -> ModelCache:
    """The model cache of this process, created on first use, which is after a fork."""
    return ModelCache(
        memory_mb=settings.SERVING_MEMORY_MB,
        stale_s=settings.SERVING_STALE_S,
        max_waiting=max(settings.WEB_THREADS // 2, 1),
    )


def verify_artifact(version: ModelVersion, key: str) -> None:
    """The VERIFY_ARTIFACT of registry/verification.py."""
    shared_cache().verify(version, key)


def can_answer() -> bool:
    """The DEGRADED_CHECKS of mlplatform/web/health.py."""
    return shared_cache().can_answer()
