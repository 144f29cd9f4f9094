import socket
import sys

import pytest

from mlplatform.jobs.children.process import ChildProcess

WORK = "tests.mlplatform.jobs.children.confined.outcomes"


@pytest.fixture
def outcomes(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "opened").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = ChildProcess(WORK, folder=str(inside), outside=str(outside), port=server.getsockname()[1])
        try:
            yield child.next_result(60)
        finally:
            child.kill()
    assert (outside / "opened").read_text() == "kept"


def test_a_confined_process_writes_small_files_in_its_folder_only(outcomes):
    assert outcomes["write_inside"] is None
    assert outcomes["read_opened"] is None
    assert outcomes["large_file"] == "OSError"
    if sys.platform == "linux":
        assert (outcomes["connect"] is None) == ("a limit of connections" in outcomes["lacking"])
    if "Landlock" in outcomes["lacking"] or sys.platform != "linux":
        pytest.skip("this kernel has no Landlock")
    assert [outcomes[act] for act in ("write_outside", "overwrite", "delete", "start_program")] == [
        "PermissionError"
    ] * 4
    assert outcomes["connect"] in ("PermissionError", "OSError")  # refused, or no network to refuse it
