"""Artifacts: stored bytes are verified before they are unpickled, and never held in memory as a whole."""

import hashlib
import hmac
import io
import pickle
import tracemalloc

import joblib
import numpy as np
import pytest
from django.apps import apps
from django.utils.module_loading import import_module

from mlplatform import storage
from registry import artifacts
from registry.artifacts import ArtifactRefused
from registry.releases.promotion import promote

LARGE = 64 * 1024**2
migration = import_module("registry.migrations.0008_sign_number_and_libraries")


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def replace(key: str, content: bytes) -> None:
    storage.models().delete(key)
    storage.models().save(key, io.BytesIO(content))


@pytest.fixture
def large_version(make_version):
    """A version with a signed artifact of 64 MB, which promotion does not load since the model cannot predict."""
    version = make_version(module="cluster", class_name="DBSCAN", target=None)
    artifact = artifacts.dump(np.zeros(LARGE, "uint8"))
    storage.models().delete(version.release.key)
    with artifact.file:
        storage.save(storage.models(), version.release.key, artifact.file)
    version.artifact_size, version.artifact_sha256 = artifact.size, artifact.sha256
    version.artifact_hmac = artifacts.sign(version)
    version.save()
    return version


@pytest.fixture
def peak_memory():
    """Calls a function, and returns the most bytes that Python objects took meanwhile."""

    def measure(function, *args, **options) -> int:
        tracemalloc.start()
        try:
            function(*args, **options)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure


def test_an_artifact_is_a_joblib_file_that_loads_without_the_platform(make_version, flowers_frame):
    version = make_version()
    loaded = joblib.load(storage.models().path(version.release.key))
    assert set(loaded.predict(flowers_frame)) == {"tulip", "rose"}
    assert type(loaded).__module__.startswith("sklearn")


def test_a_pipeline_is_loaded_from_an_artifact_on_disk(make_version):
    version = make_version()
    values = np.arange(artifacts.MAX_MEMORY, dtype="int64")
    artifact = artifacts.dump(values)
    with artifact.file:
        storage.models().delete(version.release.key)
        storage.save(storage.models(), version.release.key, artifact.file)
    version.artifact_sha256 = artifact.sha256
    version.artifact_hmac = artifacts.sign(version)
    assert (artifacts.load(version, version.release.key) == values).all()


def test_changed_bytes_are_rejected_before_they_are_unpickled(make_version, tmp_path):
    version = make_version()
    replace(version.release.key, pickle.dumps(Bomb(tmp_path / "boom")))
    with pytest.raises(ArtifactRefused, match="have changed since it was saved"):
        artifacts.load(version, version.release.key)
    assert not (tmp_path / "boom").exists()


def test_changed_bytes_with_a_matching_digest_in_the_database_are_rejected_by_their_signature(
    make_version, tmp_path
):
    version = make_version()
    content = pickle.dumps(Bomb(tmp_path / "boom"))
    replace(version.release.key, content)
    version.artifact_sha256 = hashlib.sha256(content).hexdigest()
    with pytest.raises(ArtifactRefused, match="SECRET_KEY"):
        artifacts.load(version, version.release.key)
    assert not (tmp_path / "boom").exists()


def test_the_artifact_of_another_dataset_is_rejected(make_version, make_dataset):
    version, other = make_version(make_dataset()), make_version(make_dataset("roses"))
    version.artifact_sha256, version.artifact_hmac = other.artifact_sha256, other.artifact_hmac
    with pytest.raises(ArtifactRefused):
        artifacts.load(version, other.release.key)


@pytest.mark.parametrize(
    "changed",
    [{"number": 2}, {"libraries": {"scikit-learn": "1.0.0"}}],
    ids=lambda changed: next(iter(changed)),
)
def test_the_signature_covers_the_number_and_the_libraries(make_version, changed):
    version = make_version()
    assert artifacts.is_signed(version)
    vars(version).update(changed)
    with pytest.raises(ArtifactRefused, match="for this version and these libraries"):
        artifacts.load(version, version.release.key)


@pytest.mark.parametrize("is_rotated", [False, True])
def test_an_artifact_signed_by_a_release_before_loads_after_the_migration(make_version, settings, is_rotated):
    version = make_version()
    message = f"{version.dataset_id}:{version.artifact_sha256}"
    key = hashlib.sha256(f"registry.artifacts{settings.SECRET_KEY}".encode()).digest()
    version.artifact_hmac = hmac.digest(key, message.encode(), "sha256").hex()
    version.save()
    with pytest.raises(ArtifactRefused, match="SECRET_KEY"):
        artifacts.load(version, version.release.key)
    if is_rotated:
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    migration.sign_number_and_libraries(apps, None)
    version.refresh_from_db()
    assert artifacts.load(version, version.release.key)


def test_the_migration_signs_no_artifact_that_was_not_signed(make_version):
    version = make_version()
    version.artifact_hmac = "0" * 64
    version.save()
    migration.sign_number_and_libraries(apps, None)
    version.refresh_from_db()
    assert not artifacts.is_signed(version)


def test_an_artifact_signed_with_a_fallback_key_is_accepted(make_version, settings):
    version = make_version()
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key"
    with pytest.raises(ArtifactRefused, match="SECRET_KEY"):
        artifacts.load(version, version.release.key)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert artifacts.load(version, version.release.key)


def test_a_promotion_copies_and_verifies_a_large_artifact_in_blocks(large_version, admin, peak_memory):
    assert peak_memory(promote, large_version, stage="staging", by=admin) < LARGE / 8
    assert storage.models().size(large_version.release.key) == large_version.artifact_size


def test_a_download_of_a_large_artifact_is_streamed(large_version, api, peak_memory):
    def download():
        response = api.get("/models/flowers/1/artifact")
        assert sum(map(len, response.streaming_content)) == large_version.artifact_size
        response.close()

    assert peak_memory(download) < LARGE / 2
