"""The models of this process: loaded once, proved, warm, and swapped for the next without a gap.

What is live is looked up at most once in LOOK_UP_EVERY_S for each stage of each dataset, and at once when a release
was announced on this box. It is looked up beside the request, so that a database that hangs holds nobody up. A request
answers from one CacheEntry from its beginning to its end, so no answer is half old and half new. In a web process
serving/model_cache/refresher.py looks before the requests do.
"""

import gc
import logging
import threading
import time
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from catalog.models import Dataset
from catalog.names import normalize_name
from mlplatform.errors import NotFound, NotReady
from mlplatform.resilience import cache_invalidation, circuit_breaker
from mlplatform.resilience.background import SingleFlight, refreshes
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Release, Stage
from serving.model_cache.loader import Model, load
from serving.monitoring import metrics

LOOK_UP_EVERY_S = 0.9  # so that a release on another machine is live here within a second
MAX_ENTRIES = 10_000
LOAD_S = 5  # that a request waits for a load: a store that hangs must not hold every thread of the process
SOON_S = 1  # nearly every model is loaded by then
IN_USE_S = 3600  # what nobody has asked for so long is not loaded before somebody asks
AHEAD_AGAIN_S = 30  # a load ahead that failed is left to the requests for so long
Wanted = tuple[str, str | None, int | None]
logger = logging.getLogger(__name__)


@dataclass
class CacheEntry:
    """What answers for a stage of a dataset, or for one version there: a release and its model."""

    release: Release
    model: Model
    looked_up_at: float
    confirmed_at: float
    stamp: int
    asked_at: float
    ahead: tuple[int, float] = (0, 0.0)  # of which version a load was begun ahead, and when


# By what was asked for: a dataset has one entry a stage, however its name is written.
_entries: dict[Wanted, CacheEntry] = {}
_held: dict[int, Model] = {}  # by version: its artifacts in the stages are copies of the same bytes
_loads = SingleFlight(4, "load", is_rare=True)
_waiting = threading.Semaphore(max(settings.WEB_THREADS // 2, 1))
_guard = threading.Lock()


def answering(name: str, *, stage: str | None, number: int | None = None) -> CacheEntry:
    """The entry of a dataset's stage, or of one version that is or was live there (in any stage: None).

    While what is live is looked up, or loaded, one request waits for it a second at most, and the others go on with
    what answered before; after a pause all of them wait. Raises ValidationError for an unknown stage, NotFound when
    nothing is live there, what artifacts.load() raises, and ArtifactRefused when golden rows are predicted differently
    now.
    """
    wanted = (name, stage, number)
    entry = _entries.get(wanted)
    if entry is None:
        wanted = (_normal(name), stage, number)
        entry = _entries.get(wanted)
    now = time.monotonic()
    if entry is None:
        close_old_connections()  # nobody else does in the lane
        entry = _looked_up(wanted, None)
    elif _is_due(entry, now):
        known = entry
        overdue_s = now - known.looked_up_at - LOOK_UP_EVERY_S
        entry = refreshes.refresh(wanted, lambda: _looked_up(wanted, known), known=known, overdue_s=overdue_s)
        if entry is known and now - known.confirmed_at >= max(settings.SERVING_STALE_S, LOOK_UP_EVERY_S):
            close_old_connections()
            entry = _looked_up(wanted, known)
    entry.asked_at = entry.model.used_at = now
    return entry


def _normal(name: str) -> str:
    try:
        return normalize_name(name)
    except ValidationError:
        Dataset.objects.named(name)  # raises NotFound with the sentence for it
        raise


def look_ahead() -> None:
    """Confirm in one query what is live still, and see that what was released since is loaded, then takes its place.

    Waits for no load. Raises what the database raises.
    """
    now, stamp = time.monotonic(), cache_invalidation.last_change(cache_invalidation.RELEASES)
    with _guard:
        in_use = [(wanted, entry) for wanted, entry in _entries.items() if now - entry.asked_at < IN_USE_S]
    if not in_use:
        return
    pks = {entry.release.pk for _, entry in in_use}
    ended_at = dict(Release.objects.filter(pk__in=pks).values_list("pk", "ended_at"))
    for wanted, entry in in_use:
        _, _, number = wanted  # a version that was live stays one
        pk = entry.release.pk
        if pk in ended_at and (number is not None or ended_at[pk] is None):
            entry.looked_up_at = entry.confirmed_at = now
            entry.stamp = stamp
        else:
            _replace_ahead(wanted, entry)


def _replace_ahead(wanted: Wanted, known: CacheEntry) -> None:
    now, stamp = time.monotonic(), cache_invalidation.last_change(cache_invalidation.RELEASES)
    try:
        release = _release(wanted, None)
    except ValidationError:  # nothing is live there any more
        _drop(wanted, known)
        return
    version = release.model_version

    def put(model: Model) -> Model:
        _put(wanted, release, model, known=known, at=now, stamp=stamp)
        return model

    pk, at = known.ahead
    if model := _held.get(version.pk):
        put(model)
    elif pk != version.pk or now - at >= AHEAD_AGAIN_S:
        known.ahead = version.pk, now
        _loads.begin(version.pk, lambda: put(_hold_ahead(version, release.key, known.asked_at)))


def _hold_ahead(version: ModelVersion, key: str, used_at: float) -> Model:
    try:
        return _hold(version, key, used_at=used_at)
    except Exception as error:  # told to a request that waits for it; else nobody would hear of it
        words = error.messages[0] if isinstance(error, ValidationError) else repr(error)
        logger.warning("%s was not loaded ahead: %s", version, words)
        raise


def _is_due(entry: CacheEntry, now: float) -> bool:
    return now - entry.looked_up_at >= LOOK_UP_EVERY_S or entry.stamp != cache_invalidation.last_change(
        cache_invalidation.RELEASES
    )


def _looked_up(wanted: Wanted, known: CacheEntry | None) -> CacheEntry:
    now, stamp = time.monotonic(), cache_invalidation.last_change(cache_invalidation.RELEASES)
    try:
        with circuit_breaker.short_timeout():
            release = _release(wanted, known)
        model = known.model if known and release is known.release else _model(release)
    except (OperationalError, InterfaceError, NotReady) as error:
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        is_refused = isinstance(error, ArtifactRefused)
        if known is None or is_refused or now - known.confirmed_at >= settings.SERVING_STALE_S:
            _drop(wanted, known)
            raise
        known.looked_up_at, known.stamp = time.monotonic(), stamp
        return known
    except ValidationError:
        _drop(wanted, known)
        raise
    return _put(wanted, release, model, known=known, at=now, stamp=stamp)


def _put(
    wanted: Wanted, release: Release, model: Model, *, known: CacheEntry | None, at: float, stamp: int
) -> CacheEntry:
    """Let what was found take the place of what was known, unless somebody who looked later was faster: then theirs."""
    asked_at = known.asked_at if known else at
    entry = CacheEntry(release, model, looked_up_at=at, confirmed_at=at, stamp=stamp, asked_at=asked_at)
    with _guard:
        newer = _entries.get(wanted)
        if newer and newer is not known and newer.looked_up_at > at:
            return newer
        # Let go meanwhile for want of memory, the entry or its model: whoever asks next looks anew.
        if (newer is None and known) or _held.get(model.version.pk) is not model:
            return entry
        _entries[wanted] = entry
        if len(_entries) > MAX_ENTRIES:
            del _entries[min(_entries, key=lambda wanted: _entries[wanted].asked_at)]
    return entry


def _drop(wanted: Wanted, known: CacheEntry | None) -> None:
    with _guard:
        if _entries.get(wanted) is known:  # else somebody has found another since
            _entries.pop(wanted, None)


def _release(wanted: Wanted, known: CacheEntry | None) -> Release:
    """What is live now: the same object as before when nothing has changed, at the price of one small query."""
    name, stage, number = wanted
    if stage not in Stage.values and (stage or number is None):
        raise ValidationError(
            f"There is no stage `{stage[:50]}`: it is dev, staging or production.", code="unknown_stage"
        )
    releases = Release.objects.filter(dataset__name=name)
    releases = releases.filter(stage=stage) if stage else releases
    releases = releases.live() if number is None else releases.filter(model_version__number=number)
    pk = releases.values_list("pk", flat=True).first()
    if known and pk == known.release.pk:
        return known.release
    release = releases.with_versions().first()
    if release is None:
        dataset = Dataset.objects.named(name).name
        if number is None:
            sentence = f"No version of `{dataset}` is live in {stage}. Promote one first."
        else:
            sentence = f"Version {number} of `{dataset}` was never live{f' in {stage}' if stage else ''}."
        raise NotFound(sentence, code="no_live_model")
    return release


def _model(release: Release) -> Model:
    """The model of a release, loaded at most once at a time.

    Whoever asks meanwhile shares what comes of it. Raises NotReady when that takes longer than LOAD_S, or longer than
    SOON_S while half of the process's threads wait already: the others are for models that are loaded. It goes on.
    """
    version = release.model_version
    if model := _held.get(version.pk):  # without a thread
        return model
    work = {version.pk: partial(_hold, version, release.key)}
    (model,) = _loads.within(SOON_S, work, otherwise=None)
    if model is None and _waiting.acquire(blocking=False):
        try:
            (model,) = _loads.within(LOAD_S - SOON_S, work, otherwise=None)
        finally:
            _waiting.release()
    if model is None:
        raise NotReady("The model is being loaded. Try again in a moment.", code="model_loading")
    return model


def _hold(version: ModelVersion, key: str, *, used_at: float | None = None) -> Model:
    return _held.get(version.pk) or _keep(load(version, key), used_at=used_at)


def _keep(model: Model, *, used_at: float | None = None) -> Model:
    """Hold a model that was just loaded, unless somebody was faster: then theirs."""
    pk = model.version.pk
    model.used_at = time.monotonic() if used_at is None else used_at
    with _guard:
        if held := _held.get(pk):
            held.used_at = max(held.used_at, model.used_at)
            return held
        _held[pk] = model
        _make_room(keep=pk)
        metrics.set_resident(len(_held), sum(model.nbytes for model in _held.values()))
    gc.freeze()  # a collection, which a request of 10,000 rows sets off, would walk over all models each time
    return model


def _make_room(keep: int) -> None:
    """Let the least used models go until the others fit into SERVING_MEMORY_MB; the one just loaded always may stay."""
    budget = settings.SERVING_MEMORY_MB * 1024**2
    while len(_held) > 1 and sum(model.nbytes for model in _held.values()) > budget:
        oldest = min(_held.keys() - {keep}, key=lambda pk: _held[pk].used_at)
        del _held[oldest]
        for wanted in [wanted for wanted, entry in _entries.items() if entry.model.version.pk == oldest]:
            del _entries[wanted]


def verify_artifact(version: ModelVersion, key: str) -> None:
    """Load what is about to be released, which proves it and leaves it ready. Raises ArtifactRefused.

    Though the version may be resident from another stage: it is this copy that is proved.
    """
    if version.signature["can_predict"]:
        _keep(load(version, key))


def is_answering() -> bool:
    """Whether some model here may still answer while the database or the object store is away."""
    now = time.monotonic()
    with _guard:
        return any(now - entry.confirmed_at < settings.SERVING_STALE_S for entry in _entries.values())


def forget() -> None:
    """Hold nothing any more."""
    with _guard:
        _held.clear()
        _entries.clear()


class ModelCache:
    def get(self, name: str, *, stage: str | None, version: int | None = None) -> CacheEntry:
        return answering(name, stage=stage, number=version)

    def clear(self) -> None:
        forget()


_shared = ModelCache()


def shared_cache() -> ModelCache:
    """The models of this process."""
    return _shared
