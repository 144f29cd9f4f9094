"""Deletion of model versions, and what it does to dev."""

from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import Conflict
from mlplatform.resilience import cache_invalidation
from mlplatform.resilience.deletion import delete_with_new_rows
from registry.models import ModelVersion, Release, Stage
from registry.releases import history


def delete_version(version: ModelVersion, *, by, expected_effect: str | None = None) -> Release | None:
    """Delete a version and its artifacts; its releases stay in the history.

    If it is live in dev, dev goes back to the release before, as in a rollback: returns the release that is then live,
    or None. Raises Conflict if the version is live in staging or production or if effect() is no longer the expected
    one, NotFound if it was deleted in the meantime, and ArtifactRefused or NotReady for the artifact that dev would
    go back to.
    """
    permissions.check(by, "delete")
    dataset = version.dataset

    def choose() -> Release | None:
        current = ModelVersion.objects.numbered(dataset.name, version.number)
        if sentence := refusal(current):
            raise Conflict(sentence, code="version_is_live")
        if expected_effect is not None and effect(current) != expected_effect:
            raise Conflict(
                "Another version went live in dev in the meantime. Check what the deletion does now, then try again.",
                code="moved_meanwhile",
            )
        return history.previous_release(dataset, Stage.DEV) if Stage.DEV in current.live_stages else None

    def write(successor: Release | None) -> tuple[Release | None, set[str]]:
        releases = Release.objects.filter(model_version=version.pk)
        keys = set(releases.values_list("key", flat=True))
        opened = successor and history.reopen(
            successor, by=by, comment=f"Version {version.number} was deleted."
        )
        if live := releases.live().first():
            history.end_release(live, ending=Release.Ending.DELETED, by=by)
        releases.update(key="")
        ModelVersion.objects.filter(pk=version.pk).delete()
        return opened, keys

    opened, keys = delete_with_new_rows(lambda: history.write_verified(dataset, choose, write))
    cache_invalidation.releases.announce()
    for key in keys:
        storage.discard(storage.models(), key)
    return opened


def refusal(version: ModelVersion) -> str:
    """Why a version cannot be deleted, as a sentence; empty if it can. Uses prefetched releases."""
    live = [stage for stage in version.live_stages if stage != Stage.DEV]
    stages = " and ".join(live)
    if not live:
        return ""
    return f"Version {version.number} is live in {stages}. Retire {stages}, or release another version there, first."


def effect_among(version: ModelVersion, deleted: list[ModelVersion]) -> str:
    """As effect(), if others are deleted too: what dev goes back to is not known before."""
    if len(deleted) == 1 or Stage.DEV not in version.live_stages:
        return effect(version)
    return (
        f"Version {version.number} is live in dev. After its deletion, dev serves the version before it that is left, "
        "or nothing."
    )


def effect(version: ModelVersion) -> str:
    """What the deletion of a version does to dev, as a sentence; empty if it is not live there."""
    if Stage.DEV not in version.live_stages:
        return ""
    successor = history.previous_release(version.dataset, Stage.DEV)
    then = f"version {successor.number}" if successor else "nothing, until a model is trained"
    return f"Version {version.number} is live in dev. After its deletion, dev serves {then}."
