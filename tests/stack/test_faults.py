"""The object store away or changed: an answer that says so, nothing half-written, nothing unpickled."""

import pickle
import time
from pathlib import Path

import pytest

from tests.servers.platform import SLOW, TABLE
from tests.servers.processes import until

AWAY = "The object store does not answer. Nothing was changed; try again in a moment."
LONGEST_ANSWER_S = 10


def is_refused(answer) -> bool:
    """503 with our body, in reasonable time."""
    assert answer.status_code == 503, answer.text
    assert answer.json() == {"detail": AWAY, "code": "storage_unavailable", "fields": {}}
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.elapsed.total_seconds() < LONGEST_ANSWER_S
    return True


def test_without_its_object_store_every_call_says_so_and_changes_nothing(platform):
    platform.made("stranded", versions=2)
    assert platform.promote("stranded", 1, "staging").status_code == 200
    before = platform.counts()
    with platform.store_fails():
        platform.restart_web(probe="/livez")
        assert is_refused(platform.upload("unlucky"))
        assert is_refused(platform.upload("stranded", TABLE + "6,1.5,red,rose\n", new_version="true"))
        assert is_refused(platform.promote("stranded", 2, "staging"))
        assert is_refused(platform.predict("stranded", "staging"))
        assert is_refused(platform.get("/datasets/stranded/file"))
        assert is_refused(platform.get("/models/stranded/1/artifact"))
        assert is_refused(platform.train("stranded"))
        assert platform.counts() == before
        assert platform.live("stranded", "staging") == [1]
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


def test_a_store_that_is_away_while_a_training_saves_only_delays_it(platform):
    platform.made("delayed")
    job = platform.train("delayed", SLOW, prefer="respond-async").json()["job"]
    platform.reaches(job, "fitting")
    with platform.store_fails():
        platform.reaches(job, "saving")
        assert platform.numbers("delayed") == [1]
    ended = platform.ended(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    assert platform.live("delayed", "dev") == [2]
    assert platform.predict("delayed", "dev").json()["version"] == 2


class Bomb:
    """What an attacker would put in an artifact's place: reading it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("change", ["one byte", "a pickle bomb"])
def test_a_changed_artifact_is_refused_and_never_unpickled(platform, change, tmp_path):
    name = "changed" if change == "one byte" else "bombed"
    platform.made(name)
    assert platform.promote(name, 1, "staging").status_code == 200
    artifact = platform.stored(platform.get(f"/models/{name}/1").json()["artifact_path"])
    original, exploded = artifact.read(), tmp_path / "exploded"
    middle = len(original) // 2
    artifact.write(
        original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :]
        if change == "one byte"
        else pickle.dumps(Bomb(exploded))
    )
    before = platform.counts()
    platform.restart_web()
    for refused in (platform.promote(name, 1, "production"), platform.predict(name, "staging")):
        assert (refused.status_code, refused.json()["code"]) == (503, "artifact_refused")
        assert "its bytes have changed since it was saved" in refused.json()["detail"]
    assert platform.counts() == before
    assert platform.live(name, "production") == []
    assert not exploded.exists()
    artifact.write(original)
    assert platform.predict(name, "staging").status_code == 200
    assert platform.promote(name, 1, "production").status_code == 200


def test_an_artifact_that_is_gone_is_reported_as_missing(platform):
    platform.made("vanished")
    platform.promote("vanished", 1, "staging")
    platform.stored(platform.get("/models/vanished/1").json()["artifact_path"]).delete()
    platform.restart_web()
    for refused in (platform.promote("vanished", 1, "production"), platform.predict("vanished", "staging")):
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_missing")


def test_a_store_that_hangs_is_given_up_in_time(postgres_and_s3):
    platform = postgres_and_s3
    assert platform.upload("before_the_hang").status_code == 201
    before = platform.counts()
    with platform.store.hangs():
        began = time.monotonic()
        assert platform.get("/livez", token=None).status_code == 200
        assert time.monotonic() - began < 1
        for call in (
            lambda: platform.get("/readyz", token=None),
            lambda: platform.upload("hung"),
            lambda: platform.get("/datasets/before_the_hang/file"),
        ):
            began = time.monotonic()
            answer = call()
            assert answer.status_code == 503
            assert time.monotonic() - began < 30
        assert platform.counts() == before
    # Each web process finds out by itself that the store is back.
    until(lambda: platform.upload("hung").status_code == 201, what="An upload after the hang")
