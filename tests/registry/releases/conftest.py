"""What is live, and versions to release."""

import pytest

from mlplatform import storage
from registry.models import Release


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
