"""Moving model versions between stages: the only writer of releases."""

import io
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

TRIES = 5  # when several releases of one stage are opened at once


def artifact_key(dataset_name: str, stage: str, number: int) -> str:
    return f"{storage.unique_folder(dataset_name)}/{dataset_name}_model_{stage}_v{number}.pkl"


def open_release(version: ModelVersion, *, stage: str, kind: str, key: str, by, comment: str = "") -> Release:
    """Close the stage's live release and open one of this version; inside the caller's transaction.

    Raises IntegrityError when another release was opened in the same moment.
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


def promote(version: ModelVersion, *, stage: str, by, comment: str = "") -> Release:
    """Make a version live in a higher stage, with a checked copy of its artifact.

    Raises ValidationError for the same or a lower stage, Conflict when the version was moved meanwhile,
    ArtifactRefused when its bytes were changed, and NotReady when the object store does not answer.
    """
    stage = _known(stage)
    permissions.check_release(by, stage)
    if stage.rank <= Stage(version.stage).rank:
        raise ValidationError(
            f"Version {version.number} has reached {version.stage} already, and a promotion goes upwards: "
            "dev, staging, production. To make an earlier version live again, roll back.",
            code="not_higher",
        )
    content = artifacts.read(version, version.release.key)
    key = artifact_key(version.dataset.name, stage, version.number)
    storage.save(storage.models(), key, io.BytesIO(content))
    try:
        artifacts.read(version, key)
        verification.verify_artifact(version, key)

        def move() -> Release:
            moved = ModelVersion.objects.filter(pk=version.pk, stage=version.stage).update(
                stage=stage, promoted_at=timezone.now()
            )
            if not moved:
                raise Conflict(
                    f"Version {version.number} was promoted or deleted meanwhile.", code="moved_meanwhile"
                )
            return open_release(
                version, stage=stage, kind=Release.Kind.PROMOTION, key=key, by=by, comment=comment
            )

        release = with_release_retries(move)
    except ValidationError:
        storage.discard(storage.models(), key)
        raise
    cache_invalidation.releases.announce()
    version.refresh_from_db()
    return release


def rollback(dataset: Dataset, *, stage: str, by, to_version: int | None = None, reason: str = "") -> Release:
    """Make the version that was live in a stage before, or `to_version`, live there again.

    Raises Conflict when there is none to go back to, or when it is live already.
    """
    stage = _known(stage)
    permissions.check_release(by, stage)
    history = Release.objects.filter(dataset=dataset, stage=stage).select_related("model_version__dataset")
    live = history.live().first()
    earlier = history.exclude(model_version_id=live.model_version_id if live else None)
    if to_version is not None:
        earlier = earlier.filter(model_version__number=to_version)
    target = earlier.first()
    if target is None:
        raise Conflict(_no_way_back(dataset, stage, live, to_version), code="no_earlier_release")
    version = target.model_version
    artifacts.read(version, target.key)
    verification.verify_artifact(version, target.key)

    def reopen() -> Release:
        now_live = history.live().first()
        if (now_live and now_live.pk) != (live and live.pk):
            raise Conflict(
                f"Another version went live in {stage} meanwhile. Look, then try again.",
                code="moved_meanwhile",
            )
        return open_release(
            version, stage=stage, kind=Release.Kind.ROLLBACK, key=target.key, by=by, comment=reason
        )

    release = with_release_retries(reopen)
    cache_invalidation.releases.announce()
    return release


def _no_way_back(dataset: Dataset, stage: str, live: Release | None, to_version: int | None) -> str:
    if to_version is None:
        return f"No other version of `{dataset.name}` was ever live in {stage}."
    if live and live.model_version.number == to_version:
        return f"Version {to_version} of `{dataset.name}` is live in {stage} already."
    return f"Version {to_version} of `{dataset.name}` was never live in {stage}."


def _known(stage: str) -> Stage:
    if stage not in Stage.values:
        raise ValidationError(
            f"There is no stage `{stage}`: it is dev, staging or production.", code="unknown_stage"
        )
    return Stage(stage)


def with_release_retries(write: Callable[[], Release]) -> Release:
    """Run `write`, which opens a release, in a transaction. Raises Conflict if others keep opening releases too."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return write()
        except IntegrityError:
            continue
    raise Conflict("Several releases were made in this stage at once. Try again.", code="busy")


def delete_version(version: ModelVersion, *, by) -> None:
    """Delete a version and its artifacts. Raises Conflict while it is live in staging or production."""
    permissions.check(by, "delete")
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().filter(pk=version.pk).first()
        if locked is None:
            raise Conflict(f"Version {version.number} was deleted meanwhile.", code="moved_meanwhile")
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
