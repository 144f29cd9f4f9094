"""Child processes have the secrets that their work needs, and can sign artifacts, but not SECRET_KEY."""

import os

import pytest
from django.conf import settings as current

from mlplatform import hashing
from mlplatform.jobs.children import process
from mlplatform.jobs.children.fork_server import SharedForkServer
from mlplatform.jobs.children.process import ChildProcess

FACTS = {"number": 1}
DROPPED = {name: f"the secret of {name}" for name in ("SECRET_KEY_FALLBACKS", "PLATFORM_ADMIN_PASSWORD")}


def report():
    with open("/proc/self/environ") as started_with:
        yield {
            "started_with": started_with.read(),
            "environment": dict(os.environ),
            "key": current.SECRET_KEY,
            "fallbacks": current.SECRET_KEY_FALLBACKS,
            "password": current.PLATFORM_ADMIN_PASSWORD,
            "signature": hashing.sign("artifact", FACTS),
        }


@pytest.fixture
def reported(monkeypatch, settings, request):
    """What a child of a fork server reports that was forked, or started in a new interpreter."""
    settings.SECRET_KEY = "the secret key of a platform, longer than 32 characters"
    settings.SECRET_KEY_FALLBACKS = [DROPPED["SECRET_KEY_FALLBACKS"]]
    settings.PLATFORM_ADMIN_PASSWORD = DROPPED["PLATFORM_ADMIN_PASSWORD"]
    for name, value in (DROPPED | {"SECRET_KEY": settings.SECRET_KEY, "PGPASSWORD": "needed"}).items():
        monkeypatch.setenv(name, value)
    server = SharedForkServer()
    getattr(server, request.param)()
    monkeypatch.setattr(process, "FORK_SERVER", server)
    child = ChildProcess(f"{__name__}.report")
    yield child.next_result(60)
    child.kill()
    server._server.socket.close()


def secrets_in(values, settings) -> list[str]:
    return [secret for secret in (*DROPPED.values(), settings.SECRET_KEY) if secret in str(values)]


@pytest.mark.parametrize("reported", ["fork"], indirect=True)
def test_a_child_that_is_a_fork_forgets_the_secrets_that_it_does_not_need(reported, settings):
    kept = {name: value for name, value in reported.items() if name != "started_with"}
    assert secrets_in(kept, settings) == []
    assert kept["environment"]["PGPASSWORD"] == "needed"


@pytest.mark.parametrize("reported", ["start"], indirect=True)
def test_a_child_of_a_worker_never_has_the_secrets_that_it_does_not_need_and_signs_for_it(reported, settings):
    assert secrets_in(reported, settings) == []
    assert "PGPASSWORD=needed" in reported["started_with"]
    assert hashing.is_signed("artifact", FACTS, reported["signature"])
    assert not hashing.is_signed("artifact", {"number": 2}, reported["signature"])
