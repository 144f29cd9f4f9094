"""Both ends of the pipes between a worker and its child process."""

import errno
import io
import subprocess
import sys
import time

import psutil
import pytest

from mlplatform.jobs.children.main import ClientPipe
from mlplatform.jobs.children.process import LOG_LINES, ChildProcess
from tests.servers.processes import until


def echo(**arguments):
    print("working on", arguments)


def start_another_process():
    print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
    time.sleep(600)


def print_many_lines():
    for n in range(1000):
        print("line", n, "x" * 1000)


def fail():
    raise RuntimeError("no reason")


def is_running(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def start():
    children = []

    def make(work, **arguments):
        children.append(ChildProcess(f"{__name__}.{work.__name__}", **arguments))
        return children[-1]

    yield make
    for child in children:
        child.kill()


def test_a_child_runs_a_function_and_its_output_is_kept(start):
    child = start(echo, job=7)
    assert child.wait(60)
    child.kill()
    assert (child.returncode, child.log) == (0, "working on {'job': 7}")


def test_an_error_is_the_exit_code_1_and_its_traceback_is_kept(start):
    child = start(fail)
    assert child.wait(60)
    child.kill()
    assert (child.returncode, child.log.splitlines()[-1]) == (1, "RuntimeError: no reason")


def test_a_child_and_its_descendants_are_killed_if_the_worker_dies(start):
    child = start(start_another_process)
    descendant = psutil.Process(int(until(lambda: child.log, what="The process of the child")))
    child._connection.close()
    until(lambda: not is_running(descendant), what="The end of the process of the child")


def test_killing_a_child_ends_all_its_descendants(start):
    child = start(start_another_process)
    descendant = psutil.Process(int(until(lambda: child.log, what="The process of the child")))
    assert descendant.parent().pid == child.pid
    assert child.memory() > 2 * 2**20
    child.kill()
    assert child.returncode == -9
    assert not is_running(descendant)


def test_a_dead_child_uses_no_memory(start):
    child = start(echo)
    assert child.wait(60)
    assert child.memory() == 0


def test_the_log_has_the_last_lines_shortened(start):
    child = start(print_many_lines)
    child.wait(60)
    child.kill()
    lines = child.log.splitlines()
    assert (len(lines), lines[-1][:10], len(lines[-1])) == (LOG_LINES, "line 999 x", 500)


def test_a_child_exits_if_nobody_reads_its_output(monkeypatch):
    """An exception would fail the fit instead, and joblib turns it into an AttributeError, which the job would show."""

    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("os.killpg", lambda group, number: sys.exit(f"{group} {number}"))
    with pytest.raises(SystemExit, match="0 9"):
        print("building tree 1 of 400", file=ClientPipe(Broken()))
