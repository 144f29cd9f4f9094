"""Promotion, rollback and retirement: what is live in a stage."""

import contextlib

from django.core.exceptions import ValidationError
from django.utils import timezone

from catalog.models import Dataset
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import Conflict, NotFound, NotReady
from mlplatform.idempotency import keys as idempotency_keys
from mlplatform.resilience import cache_invalidation
from registry.models import ModelVersion, Release, Stage
from registry.releases import history, signature_changes


def artifact_key(dataset_name: str, stage: str, number: int) -> str:
    """A new key for the artifact of a version, in a folder that no other writer uses."""
    return f"{storage.unique_folder(dataset_name)}/{dataset_name}_model_{stage}_v{number}.pkl"


def promote(
    version: ModelVersion,
    *,
    stage: str,
    by,
    comment: str = "",
    expected_live: int | None = None,
    allow_signature_change: bool = False,
) -> Release:
    """Make a version live in staging or production, with a verified copy of its artifact.

    `expected_live` is the number of the version that it is to replace; see history.check_expected(). Raises
    ValidationError if it is live there already or only below a stage in which it is live, NotFound if it was deleted,
    Conflict if another version than the expected one is live or if it breaks the requests of the one that is, see
    signature_changes, ArtifactRefused if its artifact has changed, and NotReady if the object store is down.
    """
    current = ModelVersion.objects.numbered(version.dataset.name, version.number)
    live = plan_promotion(current, stage=stage, by=by)
    _check_signature(live, current, allowed=allow_signature_change)
    stage = Stage(stage)
    try:
        key, is_new = _verified_artifact(current, stage)
    except NotReady:
        # If it was deleted while its artifact was copied, say so.
        ModelVersion.objects.numbered(version.dataset.name, version.number)
        raise
    try:
        with history.in_turn(version.dataset):
            current = ModelVersion.objects.numbered(version.dataset.name, version.number)
            check_promotable(current, stage)
            history.check_expected(version.dataset, stage, expected_live)
            live = history.live_release(version.dataset, stage)
            _check_signature(live, current, allowed=allow_signature_change)
            release = history.open_release(
                version, stage=stage, kind=Release.Kind.PROMOTION, key=key, by=by, comment=comment
            )
            idempotency_keys.attach(release)
            reached = max(Stage(current.reached), stage, key=lambda stage: stage.rank)
            ModelVersion.objects.filter(pk=version.pk).update(reached=reached, promoted_at=timezone.now())
            version.refresh_from_db()
    except ValidationError:
        if is_new:
            storage.discard(storage.models(), key)
        raise
    cache_invalidation.releases.announce()
    return release


def plan_promotion(version: ModelVersion, *, stage: str, by) -> Release | None:
    """The live release that a promotion would replace, if any. Raises what promote() raises before it copies."""
    stage = history.parse_stage(stage)
    permissions.check_release(by, stage)
    check_promotable(version, stage)
    return history.live_release(version.dataset, stage)


def _check_signature(live: Release | None, version: ModelVersion, *, allowed: bool) -> None:
    if live:
        signature_changes.check_allowed(live.model_version, version, stage=live.stage, allowed=allowed)


def promotable_stages(version: ModelVersion) -> list[Stage]:
    """The stages to which a version can be promoted."""
    stages = []
    for stage in Stage:
        with contextlib.suppress(ValidationError):
            check_promotable(version, stage)
            stages.append(stage)
    return stages


def check_promotable(version: ModelVersion, stage: Stage) -> None:
    """Raise ValidationError unless a promotion moves the version up, or back to a stage in which it was live."""
    live = [Stage(name) for name in version.live_stages]
    was_live_there = any(release.stage == stage for release in version.releases.all())
    if stage in live:
        sentence = f"Version {version.number} is already live in {stage}."
    elif stage == Stage.DEV:
        sentence = (
            f"Versions are promoted to staging or production. Roll back dev to version {version.number}."
        )
    elif any(stage.rank < other.rank for other in live) and not was_live_there:
        sentence = f"Version {version.number} is already live in {live[-1]}."
    else:
        return
    raise ValidationError(
        f"{sentence} A promotion moves a version up: dev, staging, production.", code="not_higher"
    )


def rollback(
    dataset: Dataset,
    *,
    stage: str,
    by,
    to_version: int | None = None,
    reason: str = "",
    expected_live: int | None = None,
) -> Release:
    """Go back to the release before the live one, as history.previous_release() defines it, or to `to_version`.

    `expected_live` is the number of the version that is to be replaced. Raises Conflict if there is no such release,
    if its version was deleted or is live, or if another version than the expected one is live; ArtifactRefused and
    NotReady as promote().
    """
    plan_rollback(dataset, stage=stage, by=by, to_version=to_version)

    def choose() -> Release:
        history.check_expected(dataset, stage, expected_live)
        return _rollback_target(dataset, stage, to_version)

    def write(target: Release) -> Release:
        release = history.reopen(target, by=by, comment=reason)
        idempotency_keys.attach(release)
        return release

    release = history.write_verified(dataset, choose, write)
    cache_invalidation.releases.announce()
    return release


def plan_rollback(
    dataset: Dataset, *, stage: str, by, to_version: int | None = None
) -> tuple[Release | None, Release]:
    """The live release that a rollback would replace, if any, and the one that it goes back to.

    Raises what rollback() raises before it verifies the artifact.
    """
    stage = history.parse_stage(stage)
    permissions.check_release(by, stage)
    return history.live_release(dataset, stage), _rollback_target(dataset, stage, to_version)


def _rollback_target(dataset: Dataset, stage: str, to_version: int | None) -> Release:
    if to_version is None:
        if target := history.previous_release(dataset, stage):
            return target
        sentence = f"There is no earlier version of `{dataset.name}` in {stage} to roll back to."
        raise Conflict(sentence, code="no_earlier_release")
    releases = Release.objects.filter(dataset=dataset, stage=stage, number=to_version)
    if releases.live().exists():
        sentence = f"Version {to_version} of `{dataset.name}` is already live in {stage}."
        raise Conflict(sentence, code="no_earlier_release")
    target = releases.select_related("dataset", "restores", "model_version__dataset").first()
    if target and target.model_version:
        return target
    if dataset.releases.of_deleted(to_version).exists():
        sentence = f"Version {to_version} of `{dataset.name}` was deleted, so it cannot go live again."
        raise Conflict(sentence, code="version_deleted")
    sentence = f"Version {to_version} of `{dataset.name}` was never live in {stage}."
    raise Conflict(sentence, code="no_earlier_release")


def retire(
    dataset: Dataset, *, stage: str, by, reason: str = "", expected_live: int | None = None
) -> Release:
    """End the live release of a stage, which then serves nothing, and return it.

    Raises NotFound if no version was live there, and Conflict if the stage is retired already or if another version
    than the expected one is live.
    """
    with history.in_turn(dataset):
        release = plan_retirement(dataset, stage=stage, by=by)
        history.check_expected(dataset, stage, expected_live)
        history.end_release(release, ending=Release.Ending.RETIRED, by=by, reason=reason)
        idempotency_keys.attach(release)
    cache_invalidation.releases.announce()
    return release


def plan_retirement(dataset: Dataset, *, stage: str, by) -> Release:
    """The live release that a retirement would end. Raises what retire() raises."""
    stage = history.parse_stage(stage)
    permissions.check_release(by, stage)
    if release := history.live_release(dataset, stage):
        return release
    if retired := history.retired_on(dataset, stage):
        sentence = f"`{dataset.name}` was already retired from {stage} on {retired}."
        raise Conflict(sentence, code="already_retired")
    raise NotFound(f"No version of `{dataset.name}` is live in {stage}.", code="no_live_model")


def _verified_artifact(version: ModelVersion, stage: Stage) -> tuple[str, bool]:
    """The key of a verified artifact of the version in a stage, and whether it is a new copy.

    A version that was live there before has one; it is copied again if that is missing or changed.
    """
    releases = version.releases.all()
    own = next((release for release in releases if release.stage == stage), None)
    other = next((release for release in releases if release.stage != stage), None)
    if own:
        try:
            history.verify(version, own.key)
            return own.key, False
        except NotReady:
            if other is None:
                raise
    key = artifact_key(version.dataset.name, stage, version.number)
    storage.copy(storage.models(), other.key, key)
    try:
        history.verify(version, key)
    except ValidationError:
        storage.discard(storage.models(), key)
        raise
    return key, True
