"""Which worker of pytest-xdist runs which tests, and when."""

import pytest
from xdist.scheduler import LoadScopeScheduling

SETUPS = ("sqlite_and_files", "postgres_and_s3")
# Files whose platforms are those that `make run` starts, and the groups of their tests.
SUPERVISED = {"test_outages.py", "test_scoring.py"}
SUPERVISED_GROUPS = {
    "": "supervised",
    "postgres_and_s3": "supervised",
    "sqlite_and_files": "supervised, local",
}
# The longest groups start first, so that no worker is left alone with one at the end.
LONGEST_FIRST = (
    *SETUPS,
    "supervised",
    "commands/test_run.py",
    "test_fuzz.py",
    "test_inference.py",
)


def group_of(nodeid: str) -> str:
    """The name of the tests that one worker runs: those that share a platform, or else those of a file."""
    path, _, name = nodeid.partition("::")
    folder, file = path.split("/")[-2:]
    setup = next((setup for setup in SETUPS if setup in name), "")
    if folder == "stack" and file in SUPERVISED:
        return SUPERVISED_GROUPS[setup]
    if folder == "stack" and setup:
        return setup
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
    """Runs a group on one worker. One worker starts with the tests without servers, for the others mostly wait.

    A mark would say more than an id, but pytest-xdist 3.8 ignores `xdist_group` with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _reschedule(self, node) -> None:
        """Leave the next group to a worker that is free while this one still has a test to start after this one."""
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)

    def _assign_work_unit(self, node) -> None:
        waiting = [other for other in self.nodes if other is not node and self._waits(other)]
        should_wait = len(waiting) < len(self.nodes) - 1
        fitting = (group for group in self.workqueue if waits_for_servers(group) == should_wait)
        self.workqueue.move_to_end(next(fitting, next(iter(self.workqueue))), last=False)
        super()._assign_work_unit(node)

    def _waits(self, node) -> bool:
        groups = self.assigned_work[node].items()
        return any(waits_for_servers(group) and not all(tests.values()) for group, tests in groups)


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
