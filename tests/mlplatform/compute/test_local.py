"""The cluster that `manage.py run` starts beside its other processes."""

import signal

import psutil
import pytest

from tests.servers.platform import TREE, Supervised
from tests.servers.processes import Processes, until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("local compute")]


@pytest.fixture
def platform():
    processes = Processes()
    yield Supervised(processes, COMPUTE="dask", DASK_WORKERS="1", WEB_WORKERS="1")
    processes.stop_all()


def test_a_search_runs_on_its_workers_which_speak_tls_have_no_secrets_and_end_with_it(platform):
    platform.upload("searched")
    search = {"params": {"max_depth": [1, 2, 3]}}
    job = platform.train("searched", TREE, search=search, prefer="respond-async").json()["job"]
    assert platform.finished(job)["state"] == "succeeded"
    [(log,)] = platform.sql(f"SELECT log FROM registry_trainingjob WHERE id = {job}")
    assert "Dask at tls://127.0.0.1:" in log
    of_run = psutil.Process(platform.web.pid).children(recursive=True)
    compute = [process for process in of_run if "mlplatform.compute.node" in process.cmdline()]
    assert len(compute) == 2
    for name in ("SECRET_KEY", "PLATFORM_ADMIN_PASSWORD"):
        assert not any(platform.env[name] in process.environ().values() for process in compute)
    platform.processes.stop(platform.web, signal.SIGKILL)
    until(lambda: not any(process.is_running() for process in compute), what="The end of the cluster")
