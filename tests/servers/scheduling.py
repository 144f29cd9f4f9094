"""A plugin of pytest: how tests are collected, which worker of pytest-xdist runs which of them, and when."""

import gc
import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parents[1]
REAL_SERVERS = {"stack", "browser", "conformance"}  # folders and marks
# The workers for tests that keep a core busy, and those for tests that wait for servers, of which each has few groups.
BUSY_WORKERS = min(os.cpu_count() or 1, 4)
WAITING_WORKERS = 4

SETUPS = ("sqlite_and_files", "postgres_and_s3")
# Files whose platforms are those that `make run` starts, and the groups of their tests.
SUPERVISED = {"test_outages.py", "test_scoring.py"}
SUPERVISED_GROUPS = {
    "": "supervised",
    "postgres_and_s3": "supervised",
    "sqlite_and_files": "supervised, local",
}
# Files whose tests import PyTorch and Keras, or skops, which takes 2 to 6 s of CPU: one worker does, not each.
IMPORTS_NETWORKS = {
    *("test_every_algorithm.py", "test_frameworks.py", "test_inference.py", "test_network_trainings.py"),
    "test_networks.py",
}
IMPORTS_SKOPS = "tests/registry/imports/"
# The longest groups start first, so that no worker is left alone with one at the end.
LONGEST_FIRST = (
    *SETUPS,
    "supervised",
    "commands/test_run.py",
    "networks",
    "test_fuzz.py",
)


def group_of(nodeid: str) -> str:
    """The name of the tests that one worker runs: those that share a platform or slow imports, or else a file."""
    path, _, name = nodeid.partition("::")
    folder, file = path.split("/")[-2:]
    setup = next((setup for setup in SETUPS if setup in name), "")
    if folder == "stack" and file in SUPERVISED:
        return SUPERVISED_GROUPS[setup]
    if folder == "stack" and setup:
        return setup
    if file in IMPORTS_NETWORKS:
        return "networks"
    if path.startswith(IMPORTS_SKOPS):
        return IMPORTS_SKOPS
    return folder if folder in {"browser", "conformance"} else f"{path} {setup}"


def waits_for_servers(group: str) -> bool:
    """Whether the tests of a group mostly wait, for processes that they start; the others keep a core busy."""
    alone = group in {*SETUPS, *SUPERVISED_GROUPS.values(), "browser", "conformance"}
    return alone or "tests/stack/" in group or "commands/test_run.py" in group


def place_in_run(nodeid: str) -> tuple:
    group = group_of(nodeid)
    place = next((place for place, name in enumerate(LONGEST_FIRST) if name in group), len(LONGEST_FIRST))
    return not waits_for_servers(group), place


class GroupScheduling(LoadScopeScheduling):
    """Runs a group on one worker. The first workers start with the tests without servers, one for each core.

    A mark would say more than an id, but pytest-xdist 3.8 ignores `xdist_group` with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _reschedule(self, node) -> None:
        """Leave the next group to a worker that is free while this one still has a test to start after this one."""
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)

    def _assign_work_unit(self, node) -> None:
        busy = is_busy(node.gateway.id)
        fitting = (group for group in self.workqueue if waits_for_servers(group) != busy)
        self.workqueue.move_to_end(next(fitting, next(iter(self.workqueue))), last=False)
        super()._assign_work_unit(node)


def is_busy(worker: str) -> bool:
    """Whether a worker, such as gw0, starts with the tests without servers."""
    return int(worker.removeprefix("gw")) < BUSY_WORKERS


def tests_servers(config: pytest.Config) -> bool:
    return "not stack" not in config.option.markexpr


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config) -> int:
    return BUSY_WORKERS + (WAITING_WORKERS if tests_servers(config) else 0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return GroupScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Without garbage collection, which takes a sixth of the time and finds nothing: what is imported stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    refuse_unstable_ids(items)
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in REAL_SERVERS:
            item.add_marker(getattr(pytest.mark, folder))
    yield
    # pytest-django has put the tests without a database last.
    items.sort(key=lambda item: place_in_run(item.nodeid))


def pytest_collection_finish(session):
    """The servers that other workers wait for go first."""
    worker = getattr(session.config, "workerinput", {}).get("workerid")
    if worker and is_busy(worker) and tests_servers(session.config):
        os.nice(5)


def refuse_unstable_ids(items) -> None:
    """The workers of pytest-xdist would collect different tests: bytes such as the time in a gzip header, or sets."""
    unstable = {
        item.nodeid
        for item in items
        if (
            "\\x" in item.name
            and any(isinstance(value, bytes) for value in getattr(item, "callspec", item).params.values())
        )
        or any(isinstance(mark.args[1], set | frozenset) for mark in item.iter_markers("parametrize"))
    }
    if unstable:
        raise pytest.UsageError(
            f"Give these parameters fixed ids and an order: {', '.join(sorted(unstable))}"
        )
