"""Both ends of the pipes between a worker and its child process."""

import errno
import io
import sys

import psutil
import pytest

from mlplatform.jobs.child_main import WorkerPipe
from mlplatform.jobs.child_process import LOG_LINES, ChildProcess, SpareChild

ECHO = """
from mlplatform.jobs import child_main
work = child_main.wait_for_work()
print("working on", work, flush=True)
"""
FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""
TALKATIVE = """
for n in range(1000): print("line", n, "x" * 1000)
"""


@pytest.fixture
def start():
    children = []

    def make(script):
        children.append(ChildProcess([sys.executable, "-u", "-c", script]))
        return children[-1]

    yield make
    for child in children:
        child.kill()


def test_a_child_runs_the_work_that_it_is_assigned(start):
    child = start(ECHO)
    assert child.ready.wait(60)
    assert child.returncode is None
    child.assign({"job": 7})
    assert child.wait(60)
    child.kill()
    assert (child.returncode, child.log) == (0, "working on {'job': 7}")


def test_a_waiting_child_exits_with_its_worker(start):
    child = start(ECHO)
    assert child.ready.wait(60)
    child.process.stdin.close()
    assert child.wait(60)


def test_a_working_child_exits_with_its_worker(start):
    child = start(ECHO + "import time; time.sleep(600)")
    assert child.ready.wait(60)
    child.assign({})
    child.process.stdin.close()
    assert child.wait(60)


def test_killing_a_child_ends_all_its_descendants(start):
    child = start(FAMILY)
    assert child.ready.wait(60)
    (descendant,) = psutil.Process(child.process.pid).children()
    assert child.memory() > 2 * 2**20
    child.kill()
    assert child.returncode == -9
    assert not descendant.is_running() or descendant.status() == psutil.STATUS_ZOMBIE


def test_a_dead_child_takes_no_work_and_uses_no_memory(start):
    child = start("")
    assert child.wait(60)
    child.assign({"job": 7})
    assert child.memory() == 0


def test_the_log_has_the_last_lines_shortened(start):
    child = start(TALKATIVE)
    child.wait(60)
    child.kill()
    lines = child.log.splitlines()
    assert (len(lines), lines[-1][:10], len(lines[-1])) == (LOG_LINES, "line 999 x", 500)


def test_a_spare_is_ready_before_it_is_taken_and_then_replaced():
    spare = SpareChild([sys.executable, "-u", "-c", ECHO])
    while not spare.prepare():
        pass
    first = spare.take()
    spare.prepare()
    second = spare.take()
    assert first.process.pid != second.process.pid
    first.kill()
    second.kill()


def test_a_spare_that_has_died_is_replaced(caplog):
    spare = SpareChild([sys.executable, "-u", "-c", "print('no module'); exit(3)"])
    spare.prepare()
    dead = spare._child
    dead.wait(60)
    spare.prepare()
    assert spare._child is not dead
    spare.close()
    assert "the spare child exited with code 3" in caplog.text


def test_a_child_exits_if_nobody_reads_its_output(monkeypatch):
    """An exception would fail the fit instead, and joblib turns it into an AttributeError, which the job would show."""

    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("os._exit", sys.exit)
    with pytest.raises(SystemExit, match="1"):
        print("building tree 1 of 400", file=WorkerPipe(Broken()))
