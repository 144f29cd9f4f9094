"""The release history of a stage: what is live, what a rollback goes back to, and the only writers of releases."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from catalog.models import Dataset
from mlplatform.errors import Conflict, NotFound, NotReady
from mlplatform.resilience.doctor import Reference
from registry import artifacts, verification
from registry.models import MirroredModel, ModelVersion, Release, Stage
from registry.releases import changes

Result = TypeVar("Result")
WAIT_S = 30  # for others, if the history changes each time while an artifact is verified
NOTHING = 0  # the number of the live version that check_expected() takes for none


def parse_stage(stage: str) -> Stage:
    if stage not in Stage.values:
        raise ValidationError(Stage.unknown(stage), code="unknown_stage")
    return Stage(stage)


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
        changes.record(dataset)


def live_release(dataset: Dataset, stage: str) -> Release | None:
    return Release.objects.live().with_versions().filter(dataset=dataset, stage=stage).first()


def open_release(
    version: ModelVersion,
    *,
    stage: str,
    kind: str,
    key: str,
    by,
    comment: str = "",
    restores: Release | None = None,
) -> Release:
    """End the stage's live release and open one of this version. Call it in_turn()."""
    now = timezone.now()
    Release.objects.live().filter(dataset=version.dataset_id, stage=stage).update(
        ended_at=now, ending=Release.Ending.REPLACED, ended_by=by
    )
    MirroredModel.objects.filter(dataset=version.dataset_id).make_due()
    return Release.objects.create(
        dataset_id=version.dataset_id,
        model_version=version,
        number=version.number,
        stage=stage,
        kind=kind,
        restores=restores,
        key=key,
        comment=comment,
        started_at=now,
        released_by=by,
    )


def end_release(release: Release, *, ending: str, by, reason: str = "") -> None:
    """End a live release and open none. Call it in_turn()."""
    release.ended_at, release.ending, release.ended_by = timezone.now(), ending, by
    release.end_reason = reason
    release.save(update_fields=["ended_at", "ending", "ended_by", "end_reason"])
    MirroredModel.objects.filter(dataset=release.dataset_id).make_due()


def reopen(target: Release, *, by, comment: str) -> Release:
    """Make the version of an earlier release live again, with its artifact. Call it in_turn()."""
    return open_release(
        target.model_version,
        stage=target.stage,
        kind=Release.Kind.ROLLBACK,
        key=target.key,
        by=by,
        comment=comment,
        restores=target.restores or target,
    )


def previous_release(dataset: Dataset, stage: str) -> Release | None:
    """The release that a rollback of a stage goes back to, or None.

    It is the one before the live release. A rollback takes the place of the release that it went back to, so the next
    one goes back from there, never to a version that a rollback has left. If nothing is live, it is the last release.
    Releases of the live version and of deleted versions are skipped.
    """
    releases = Release.objects.filter(dataset=dataset, stage=stage)
    live_version, before = None, float("inf")
    newest_first = releases.values_list("pk", "model_version", "restores", "ended_at")
    for pk, version, restored, ended_at in newest_first:
        if pk >= before:  # a rollback has left it
            continue
        if ended_at is None:
            live_version = version
        elif version not in {None, live_version}:
            return releases.select_related("dataset", "restores", "model_version__dataset").get(pk=pk)
        before = restored or pk
    return None


def is_before(release: Release, live: Release | None) -> bool:
    """Whether a release is older than the live one of its stage, or than the one that this went back to."""
    return live is not None and release.pk < (live.restores_id or live.pk)


def retired_on(dataset: Dataset, stage: str) -> str | None:
    """When a stage was retired, for sentences; None if its last release did not end so."""
    last = Release.objects.filter(dataset=dataset, stage=stage).first()
    return f"{last.ended_at:%Y-%m-%d at %H:%M} UTC" if last and last.is_retired else None


def nothing_live(dataset: Dataset, stage: str) -> str:
    """The sentence for a stage without a live release: whether it was retired, and how to make a version live."""
    releases = Release.objects.filter(dataset=dataset, stage=stage)
    remedy = "Train a model" if stage == Stage.DEV else "Promote a version"
    if releases.exclude(model_version=None).exists():
        remedy += " or roll back"
    if retired := retired_on(dataset, stage):
        return (
            f"`{dataset.name}` was retired from {stage} on {retired}: nothing is live there. {remedy} to serve "
            "predictions again."
        )
    return f"No version of `{dataset.name}` is live in {stage}. {remedy} first."


def check_expected(dataset: Dataset, stage: str, expected: int | None) -> None:
    """Raise Conflict unless version `expected` is live, or none if it is NOTHING. None accepts any."""
    if expected is None:
        return
    live = live_release(dataset, stage)
    if (live.number if live else NOTHING) == expected:
        return
    if expected == NOTHING:
        sentence = f"Version {live.number} went live in {stage} in the meantime."
    else:
        now = f"version {live.number} is" if live else "nothing is"
        sentence = f"Version {expected} is no longer live in {stage}: {now} live there now."
    raise Conflict(f"{sentence} Check it, then try again.", code="moved_meanwhile")


def verify(version: ModelVersion, key: str) -> None:
    """Raise ArtifactRefused or NotReady unless the stored artifact is intact and predicts its golden rows."""
    artifacts.verify(version, key)
    verification.verify_artifact(version, key)


def write_verified(
    dataset: Dataset,
    choose: Callable[[], Release | None],
    write: Callable[[Release | None], Result],
    *,
    wait_s: float = WAIT_S,
) -> Result:
    """Choose a release to go back to, verify its artifact, then call `write` with it, in_turn().

    `choose` is called again in_turn(): if its choice has changed, as when the version was deleted, all of it is
    repeated: of simultaneous callers one writes in each round. Raises what both raise, what verify() raises, and
    NotReady if the choice still changes after `wait_s` seconds.
    """
    deadline = time.monotonic() + wait_s
    while True:
        target, failure = choose(), None
        try:
            if target:
                verify(target.model_version, target.key)
        except NotReady as error:
            failure = error
        with in_turn(dataset):
            current = choose()
            if (current and current.key) == (target and target.key):
                if failure:
                    raise failure
                return write(current)
        if time.monotonic() > deadline:
            raise NotReady(
                "Other releases of this dataset are being made. Try again in a moment.", code="busy"
            )


def references() -> Iterator[Reference]:
    """The artifacts. One that is lost can only be restored, or trained again."""
    for release in (
        Release.objects.exclude(key="")
        .select_related("dataset")
        .only("key", "stage", "number", "dataset__name")
    ):
        yield Reference(release.key, f"version {release.number} of {release.dataset.name} in {release.stage}")
