"""An object store that is unavailable, or whose bytes were changed: clear errors, nothing half-written or unpickled."""

import pickle
from pathlib import Path

import pytest

from tests.servers.platform import SHORT, TABLE
from tests.servers.processes import until
from tests.stack.conftest import on_postgres_and_s3

UNAVAILABLE = "The object store is not responding. Nothing was changed; try again in a moment."


def is_refused(response) -> bool:
    """503 with the body of an expected failure."""
    assert response.status_code == 503, response.text
    assert response.json() == {"detail": UNAVAILABLE, "code": "storage_unavailable", "fields": {}}
    assert int(response.headers["Retry-After"]) > 0
    return True


def test_calls_are_refused_and_change_nothing_while_the_store_is_unavailable(platform):
    platform.train_versions("stranded", versions=2)
    assert platform.promote("stranded", 1, "staging").status_code == 200
    before = platform.row_counts()
    with platform.store_unavailable():
        platform.restart_web(probe="/livez")
        assert is_refused(platform.upload("unlucky"))
        assert is_refused(platform.upload("stranded", TABLE + "6,1.5,red,rose\n", new_version="true"))
        assert is_refused(platform.promote("stranded", 2, "staging"))
        assert is_refused(platform.predict("stranded", "staging"))
        assert is_refused(platform.get("/datasets/stranded/file"))
        assert is_refused(platform.get("/models/stranded/1/artifact"))
        assert is_refused(platform.train("stranded"))
        assert platform.row_counts() == before
        assert platform.live_versions("stranded", "staging") == [1]
        assert platform.numbers("stranded") == [1, 2]
        ready = platform.get("/readyz", token=None)
        assert (ready.status_code, ready.json()["checks"]["datasets"]) == (503, "no answer")
        assert "Retry-After" in ready.headers
        assert platform.get("/livez", token=None).status_code == 200
        assert platform.get("/datasets/stranded").status_code == 200
    assert platform.get("/readyz", token=None).status_code == 200
    assert platform.upload("unlucky").status_code == 201
    assert platform.promote("stranded", 2, "staging").status_code == 200
    assert platform.predict("stranded", "staging").json()["version"] == 2
    assert platform.train("stranded").json()["version"] == 3


def test_a_store_that_is_unavailable_while_a_training_saves_only_delays_it(platform):
    platform.train_versions("delayed")
    job = platform.train("delayed", SHORT, prefer="respond-async").json()["job"]
    platform.wait_for_stage(job, "fitting")
    with platform.store_unavailable():
        platform.wait_for_stage(job, "saving")
        assert platform.numbers("delayed") == [1]
    ended = platform.finished(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    assert platform.live_versions("delayed", "dev") == [2]
    assert platform.predict("delayed", "dev").json()["version"] == 2


class Bomb:
    """An artifact of an attacker: unpickling it creates a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("change", ["one byte", "a pickle bomb"])
def test_a_changed_artifact_is_refused_and_never_unpickled(platform, change, tmp_path):
    name = "changed" if change == "one byte" else "bombed"
    platform.train_versions(name)  # no web process has loaded the model
    artifact = platform.stored(platform.get(f"/models/{name}/1").json()["artifact_path"])
    original, exploded = artifact.read(), tmp_path / "exploded"
    middle = len(original) // 2
    artifact.write(
        original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :]
        if change == "one byte"
        else pickle.dumps(Bomb(exploded))
    )
    before = platform.row_counts()
    for refused in (platform.promote(name, 1, "production"), platform.predict(name, "dev")):
        assert (refused.status_code, refused.json()["code"]) == (503, "artifact_refused")
        assert "its bytes have changed since it was saved" in refused.json()["detail"]
    assert platform.row_counts() == before
    assert platform.live_versions(name, "production") == []
    assert not exploded.exists()
    artifact.write(original)
    assert platform.predict(name, "dev").status_code == 200
    assert platform.promote(name, 1, "production").status_code == 200


def test_a_missing_artifact_is_reported_as_missing(platform):
    platform.train_versions("vanished")
    platform.stored(platform.get("/models/vanished/1").json()["artifact_path"]).delete()
    for refused in (platform.promote("vanished", 1, "production"), platform.predict("vanished", "dev")):
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_missing")


@on_postgres_and_s3
def test_calls_are_refused_while_the_store_hangs(platform):
    assert platform.upload("before_the_hang").status_code == 201
    before = platform.row_counts()
    with platform.store.hangs():
        assert platform.get("/livez", token=None).status_code == 200
        assert platform.get("/readyz", token=None).json()["checks"]["datasets"] == "no answer"
        assert platform.upload("hung").status_code == 503
        assert platform.get("/datasets/before_the_hang/file").status_code == 503
        assert platform.row_counts() == before
    until(lambda: platform.upload("hung").status_code == 201, what="An upload after the hang")
    platform.restart_web()  # the other web process may not have noticed yet, and later tests share the platform
