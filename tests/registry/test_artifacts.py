"""Artifacts: what is stored is what was saved, or it is not unpickled."""

import hashlib
import io
import pickle

import joblib
import pytest

from mlplatform import storage
from registry import artifacts
from registry.artifacts import ArtifactRefused


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def replace(key: str, content: bytes) -> None:
    storage.models().delete(key)
    storage.models().save(key, io.BytesIO(content))


def test_an_artifact_is_a_joblib_file_that_loads_without_the_platform(make_version, flowers_frame):
    version = make_version()
    loaded = joblib.load(storage.models().path(version.release.key))
    assert set(loaded.predict(flowers_frame)) == {"tulip", "rose"}
    assert type(loaded).__module__.startswith("sklearn")


def test_other_bytes_are_refused_and_not_unpickled(make_version, tmp_path):
    version = make_version()
    replace(version.release.key, pickle.dumps(Bomb(tmp_path / "boom")))
    with pytest.raises(ArtifactRefused, match="not those that were saved"):
        artifacts.load(version, version.release.key)
    assert not (tmp_path / "boom").exists()


def test_other_bytes_with_their_digest_in_the_database_are_refused_too(make_version, tmp_path):
    version = make_version()
    content = pickle.dumps(Bomb(tmp_path / "boom"))
    replace(version.release.key, content)
    version.artifact_sha256 = hashlib.sha256(content).hexdigest()
    with pytest.raises(ArtifactRefused, match="SECRET_KEY"):
        artifacts.load(version, version.release.key)
    assert not (tmp_path / "boom").exists()


def test_the_artifact_of_another_dataset_is_refused(make_version, make_dataset):
    mine, other = make_version(make_dataset()), make_version(make_dataset("roses"))
    mine.artifact_sha256, mine.artifact_hmac = other.artifact_sha256, other.artifact_hmac
    with pytest.raises(ArtifactRefused):
        artifacts.load(mine, other.release.key)


def test_a_rotated_key_still_reads_what_the_old_one_signed(make_version, settings):
    version = make_version()
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key"
    with pytest.raises(ArtifactRefused, match="SECRET_KEY"):
        artifacts.load(version, version.release.key)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert artifacts.load(version, version.release.key)


def test_an_artifact_of_another_scikit_learn_is_refused_with_advice(make_version):
    version = make_version()
    version.libraries["scikit-learn"] = "1.2.3"
    with pytest.raises(ArtifactRefused, match=r"made with scikit-learn 1\.2\.3"):
        artifacts.load(version, version.release.key)
