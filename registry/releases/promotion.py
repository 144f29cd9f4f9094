"""Promotion, rollback and deletion of model versions: the only writers of releases."""

import contextlib
from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from catalog.models import Dataset
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import Conflict, NotFound
from mlplatform.idempotency import keys as idempotency_keys
from mlplatform.resilience import cache_invalidation
from registry import artifacts, verification
from registry.models import ModelVersion, Release, Stage

MAX_TRIES = 5  # of a rollback whose target changes while its artifact is verified


def artifact_key(dataset_name: str, stage: str, number: int) -> str:
    """A new key for the artifact of a version, in a folder that no other writer uses."""
    return f"{storage.unique_folder(dataset_name)}/{dataset_name}_model_{stage}_v{number}.pkl"


@contextlib.contextmanager
def in_turn(dataset: Dataset) -> Iterator[None]:
    """A transaction that changes the releases of a dataset: others of the same dataset wait until it ends.

    What was read before must be checked again inside. Raises NotFound if the dataset was deleted.
    """
    with transaction.atomic():
        # Without key: rows that refer to the dataset can still be written.
        if not Dataset.objects.select_for_update(no_key=True).filter(pk=dataset.pk).first():
            raise NotFound(f"No dataset is named `{dataset.name}`.", code="dataset_not_found")
        yield


def open_release(version: ModelVersion, *, stage: str, kind: str, key: str, by, comment: str = "") -> Release:
    """Close the stage's live release and open one of this version. Call it `in_turn`."""
    now = timezone.now()
    Release.objects.live().filter(dataset=version.dataset_id, stage=stage).update(ended_at=now)
    return Release.objects.create(
        dataset_id=version.dataset_id,
        model_version=version,
        stage=stage,
        kind=kind,
        key=key,
        comment=comment,
        started_at=now,
        released_by=by,
    )


def promote(version: ModelVersion, *, stage: str, by, comment: str = "") -> Release:
    """Make a version live in a higher stage, with a verified copy of its artifact.

    Raises ValidationError for the same or a lower stage, NotFound if the version was deleted meanwhile,
    ArtifactRefused if its artifact has changed, and NotReady if the object store does not respond.
    """
    stage = _parse_stage(stage)
    permissions.check_release(by, stage)
    _check_is_higher(stage, version)
    key = artifact_key(version.dataset.name, stage, version.number)
    storage.copy(storage.models(), version.release.key, key)
    try:
        _verify(version, key)
        with in_turn(version.dataset):
            _check_is_higher(stage, ModelVersion.objects.numbered(version.dataset.name, version.number))
            ModelVersion.objects.filter(pk=version.pk).update(stage=stage, promoted_at=timezone.now())
            release = open_release(
                version, stage=stage, kind=Release.Kind.PROMOTION, key=key, by=by, comment=comment
            )
            idempotency_keys.attach(release)
            version.refresh_from_db()
    except ValidationError:
        storage.discard(storage.models(), key)
        raise
    cache_invalidation.releases.announce()
    return release


def rollback(dataset: Dataset, *, stage: str, by, to_version: int | None = None, reason: str = "") -> Release:
    """Make the version that was live in a stage before, or `to_version`, live there again.

    Simultaneous rollbacks have the effect of one after the other. Raises Conflict if there is no such version or if it
    is live already; ArtifactRefused and NotReady as promote().
    """
    stage = _parse_stage(stage)
    permissions.check_release(by, stage)
    for _ in range(MAX_TRIES):
        target = _rollback_target(dataset, stage, to_version)
        _verify(target.model_version, target.key)
        with in_turn(dataset):
            if _rollback_target(dataset, stage, to_version) != target:
                continue
            release = open_release(
                target.model_version,
                stage=stage,
                kind=Release.Kind.ROLLBACK,
                key=target.key,
                by=by,
                comment=reason,
            )
            idempotency_keys.attach(release)
        cache_invalidation.releases.announce()
        return release
    raise Conflict(f"The releases of {stage} are changing too fast. Try again.", code="busy")


def _rollback_target(dataset: Dataset, stage: str, to_version: int | None) -> Release:
    """The release that a rollback restores now. Raises Conflict if there is none."""
    history = Release.objects.filter(dataset=dataset, stage=stage).select_related("model_version__dataset")
    live = history.live().first()
    earlier = history.exclude(model_version_id=live.model_version_id if live else None)
    if to_version is not None:
        earlier = earlier.filter(model_version__number=to_version)
    target = earlier.first()
    if target is None:
        raise Conflict(_no_earlier_release(dataset, stage, live, to_version), code="no_earlier_release")
    return target


def delete_version(version: ModelVersion, *, by) -> None:
    """Delete a version and its artifacts.

    Raises Conflict if it is live in staging or production, and NotFound if it was deleted meanwhile.
    """
    permissions.check(by, "delete")
    with in_turn(version.dataset):
        current = ModelVersion.objects.numbered(version.dataset.name, version.number)
        live = [stage for stage in current.live_stages if stage != Stage.DEV]
        if live:
            raise Conflict(
                f"Version {version.number} is live in {' and '.join(live)}. Release another version there first.",
                code="version_is_live",
            )
        keys = set(current.releases.values_list("key", flat=True))
        current.delete()
    cache_invalidation.releases.announce()
    for key in keys:
        storage.discard(storage.models(), key)


def _check_is_higher(stage: Stage, version: ModelVersion) -> None:
    if stage.rank <= Stage(version.stage).rank:
        raise ValidationError(
            f"Version {version.number} is already in {version.stage}. A promotion moves a version up: "
            "dev, staging, production. To restore an earlier version, roll back.",
            code="not_higher",
        )


def _verify(version: ModelVersion, key: str) -> None:
    artifacts.verify(version, key)
    verification.verify_artifact(version, key)


def _no_earlier_release(dataset: Dataset, stage: str, live: Release | None, to_version: int | None) -> str:
    if to_version is None:
        return f"No other version of `{dataset.name}` was ever live in {stage}."
    if live and live.model_version.number == to_version:
        return f"Version {to_version} of `{dataset.name}` is already live in {stage}."
    return f"Version {to_version} of `{dataset.name}` was never live in {stage}."


def _parse_stage(stage: str) -> Stage:
    if stage not in Stage.values:
        raise ValidationError(Stage.unknown(stage), code="unknown_stage")
    return Stage(stage)
