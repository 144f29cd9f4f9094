"""The server that child processes are forked from: it is killed, it hangs, and it ends with its clients."""

import contextlib
import os
import signal
from multiprocessing.connection import Connection

import pytest

from mlplatform.jobs.children import main, process
from mlplatform.jobs.children.fork_server import SharedForkServer
from mlplatform.jobs.children.process import ChildProcess
from tests.servers.processes import until


def wait_for_a_file(path):
    until(lambda: os.path.exists(path), what="The file")
    yield "done"


def report_parent():
    yield os.getppid()


@pytest.fixture
def server(monkeypatch):
    shared = SharedForkServer()
    shared.fork()
    monkeypatch.setattr(process, "FORK_SERVER", shared)
    first = shared._server
    yield first
    for each in {first, shared._server}:
        each.socket.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(each.pid, signal.SIGKILL)
            os.waitpid(each.pid, 0)


def parent_of_a_child() -> int:
    child = ChildProcess(f"{__name__}.report_parent")
    parent = child.next_result(60)
    child.kill()
    return parent


def test_a_child_goes_on_when_the_server_is_killed_and_the_next_one_gets_another(server, tmp_path):
    child = ChildProcess(f"{__name__}.wait_for_a_file", path=str(tmp_path / "file"))
    os.kill(server.pid, signal.SIGKILL)
    os.waitpid(server.pid, 0)
    assert parent_of_a_child() != server.pid
    (tmp_path / "file").touch()
    assert child.next_result(60) == "done"
    child.kill()


def test_a_server_that_hangs_is_replaced(server, monkeypatch):
    monkeypatch.setattr(process, "START_S", 3)
    os.kill(server.pid, signal.SIGSTOP)
    assert parent_of_a_child() != server.pid


def test_a_child_that_is_killed_before_it_has_begun_is_forked_again(server, monkeypatch):
    """By kill -9 in the milliseconds in which the server reports its exit, and it has not reported its ID."""
    fork, killed = process.FORK_SERVER.request, []

    def request(client: int, output: int) -> None:
        if killed:
            fork(client, output)
        else:
            killed.append(client)
            with Connection(os.dup(client)) as connection:
                connection.send_bytes(main.EXIT + b"-9")

    monkeypatch.setattr(process.FORK_SERVER, "request", request)
    assert parent_of_a_child()
    assert killed


def test_the_exit_of_a_child_is_noticed_while_the_server_hangs(server, tmp_path):
    child = ChildProcess(f"{__name__}.wait_for_a_file", path=str(tmp_path / "file"))
    os.kill(server.pid, signal.SIGSTOP)
    (tmp_path / "file").touch()
    until(lambda: child.wait(0), what="The exit of the child")
    assert child.returncode == process.UNKNOWN_EXIT


def test_a_fork_of_the_process_that_started_the_server_uses_it_too(server):
    fork = os.fork()
    if fork == 0:
        os._exit(0 if parent_of_a_child() == server.pid else 1)
    assert os.waitpid(fork, 0)[1] == 0
    assert parent_of_a_child() == server.pid


def test_the_server_ends_with_its_last_client():
    shared = SharedForkServer()
    shared.fork()
    shared._server.socket.close()
    assert os.waitpid(shared._server.pid, 0)[1] == 0
