"""Both set-ups of the platform, each with its own web server, started once a run by the first test that uses it."""

import pytest

from tests.servers.object_store import ObjectStore
from tests.servers.platform import Platform, Supervised
from tests.servers.postgres import Postgres
from tests.servers.processes import Processes
from tests.servers.scheduling import SETUPS

SMALL_LIMIT_MB = 5  # for the set-up that no large file is sent to


@pytest.fixture(scope="session")
def processes():
    started = Processes()
    yield started
    started.stop_all()


@pytest.fixture(scope="session")
def postgres(processes):
    return Postgres(processes)


@pytest.fixture(scope="session")
def object_store(processes):
    return ObjectStore(processes)


@pytest.fixture(scope="session")
def sqlite_and_files(processes):
    return Platform(processes, server="gunicorn", MAX_UPLOAD_MB=str(SMALL_LIMIT_MB))


@pytest.fixture(scope="session")
def postgres_and_s3(processes, postgres, object_store):
    return Platform(processes, server="granian", postgres=postgres, store=object_store)


@pytest.fixture(scope="session")
def supervised_with_servers(processes, postgres, object_store):
    """The platform as `make run` starts it, for test_outages.py and then test_scoring.py, which kills it last."""
    return Supervised(processes, postgres=postgres, store=object_store)


@pytest.fixture(params=SETUPS)
def platform(request):
    """The platform in each set-up, and so on each web server.

    It is shared: a test names its own datasets and leaves everything running.
    """
    return request.getfixturevalue(request.param)


# A test of one set-up names it in its id, so that it shares the platform of the others.
on_sqlite_and_files = pytest.mark.parametrize("platform", ["sqlite_and_files"], indirect=True)
on_postgres_and_s3 = pytest.mark.parametrize("platform", ["postgres_and_s3"], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for name in ("platform", "supervised"):
            if isinstance(platform := item.funcargs.get(name), Platform):
                report.sections.append(("logs of the processes", platform.logs()))
    return report
