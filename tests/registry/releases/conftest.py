"""What is live, versions to release, and one that is deleted while it is verified."""

import pytest

from mlplatform import storage
from registry.models import ModelVersion, Release
from registry.releases import history
from registry.releases.deletion import delete_version
from serving.model_cache.cache import verify_artifact


def live(stage: str) -> int | None:
    release = Release.objects.live().filter(stage=stage).first()
    return release and release.number


def tamper(key: str, at: int = 100) -> None:
    path = storage.models().path(key)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


# A VERIFY_ARTIFACT during which version 2 is deleted.
DELETE_2_THEN_VERIFY = f"{__name__}.delete_2_then_verify"


def delete_2_then_verify(version: ModelVersion, key: str) -> None:
    if version.number == 2:
        delete_version(version, by=version.trained_by)
    verify_artifact(version, key)


# A VERIFY_ARTIFACT during which another rollback of staging comes first, as long as there is an earlier version.
ROLL_BACK_THEN_VERIFY = f"{__name__}.roll_back_then_verify"


def roll_back_then_verify(version: ModelVersion, key: str) -> None:
    if version.number > 1:
        with history.in_turn(version.dataset):
            target = history.previous_release(version.dataset, "staging")
            history.reopen(target, by=version.trained_by, comment="")
    verify_artifact(version, key)


@pytest.fixture
def make_versions(make_version, make_dataset):
    """Versions 1 to `count` of flowers; the last is live in dev."""

    def make(count: int):
        source = make_dataset()
        return [make_version(source) for _ in range(count)]

    return make


@pytest.fixture
def two(make_versions):
    return make_versions(2)
