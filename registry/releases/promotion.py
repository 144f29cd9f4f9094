"""Promotion, rollback and deletion of model versions: the only writers of releases."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import Dataset
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import Conflict
from mlplatform.resilience import cache_invalidation
from registry import artifacts, verification
from registry.models import ModelVersion, Release, Stage

MAX_TRIES = 5  # if several releases of one stage are opened at the same time


def artifact_key(dataset_name: str, stage: str, number: int) -> str:
    """A new key for the artifact of a version, in a folder that no other writer uses."""
    return f"{storage.unique_folder(dataset_name)}/{dataset_name}_model_{stage}_v{number}.pkl"


def open_release(version: ModelVersion, *, stage: str, kind: str, key: str, by, comment: str = "") -> Release:
    """Close the stage's live release and open one of this version, inside the caller's transaction.

    Raises IntegrityError if another release is opened at the same time.
    """
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


def with_release_retries(write: Callable[[], Release]) -> Release:
    """Run `write` in a transaction, again while another release of the stage is opened at the same time.

    Raises Conflict after several tries.
    """
    for _ in range(MAX_TRIES):
        try:
            with transaction.atomic():
                return write()
        except IntegrityError:
            continue
    raise Conflict("Several releases were made in this stage at the same time. Try again.", code="busy")


def promote(version: ModelVersion, *, stage: str, by, comment: str = "") -> Release:
    """Make a version live in a higher stage, with a verified copy of its artifact.

    Raises ValidationError for the same or a lower stage, Conflict if the version was promoted or deleted
    meanwhile, ArtifactRefused if its artifact has changed, and NotReady if the object store does not respond.
    """
    stage = _parse_stage(stage)
    permissions.check_release(by, stage)
    if stage.rank <= Stage(version.stage).rank:
        raise ValidationError(
            f"Version {version.number} is already in {version.stage}. A promotion moves a version up: "
            "dev, staging, production. To restore an earlier version, roll back.",
            code="not_higher",
        )
    key = artifact_key(version.dataset.name, stage, version.number)
    storage.copy(storage.models(), version.release.key, key)

    def write() -> Release:
        promoted = ModelVersion.objects.filter(pk=version.pk, stage=version.stage)
        if not promoted.update(stage=stage, promoted_at=timezone.now()):
            raise Conflict(
                f"Version {version.number} was promoted or deleted in the meantime.", code="moved_meanwhile"
            )
        return open_release(
            version, stage=stage, kind=Release.Kind.PROMOTION, key=key, by=by, comment=comment
        )

    try:
        _verify(version, key)
        release = with_release_retries(write)
    except ValidationError:
        storage.discard(storage.models(), key)
        raise
    cache_invalidation.releases.announce()
    version.refresh_from_db()
    return release


def rollback(dataset: Dataset, *, stage: str, by, to_version: int | None = None, reason: str = "") -> Release:
    """Make the version that was live in a stage before, or `to_version`, live there again.

    Raises Conflict if there is no such version, if it is live already, or if another version went live meanwhile;
    ArtifactRefused and NotReady as promote().
    """
    stage = _parse_stage(stage)
    permissions.check_release(by, stage)
    history = Release.objects.filter(dataset=dataset, stage=stage).select_related("model_version__dataset")
    live = history.live().first()
    earlier = history.exclude(model_version_id=live.model_version_id if live else None)
    if to_version is not None:
        earlier = earlier.filter(model_version__number=to_version)
    target = earlier.first()
    if target is None:
        raise Conflict(_no_earlier_release(dataset, stage, live, to_version), code="no_earlier_release")
    version = target.model_version
    _verify(version, target.key)

    def write() -> Release:
        current = history.live().first()
        if (current and current.pk) != (live and live.pk):
            raise Conflict(
                f"Another version went live in {stage} in the meantime. Reload, then try again.",
                code="moved_meanwhile",
            )
        return open_release(
            version, stage=stage, kind=Release.Kind.ROLLBACK, key=target.key, by=by, comment=reason
        )

    release = with_release_retries(write)
    cache_invalidation.releases.announce()
    return release


def delete_version(version: ModelVersion, *, by) -> None:
    """Delete a version and its artifacts. Raises Conflict if it is live in staging or production."""
    permissions.check(by, "delete")
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().filter(pk=version.pk).first()
        if locked is None:
            raise Conflict(f"Version {version.number} was deleted in the meantime.", code="moved_meanwhile")
        live = [stage for stage in locked.live_stages if stage != Stage.DEV]
        if live:
            raise Conflict(
                f"Version {version.number} is live in {' and '.join(live)}. Release another version there first.",
                code="version_is_live",
            )
        keys = set(locked.releases.values_list("key", flat=True))
        locked.delete()
    cache_invalidation.releases.announce()
    for key in keys:
        storage.discard(storage.models(), key)


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
