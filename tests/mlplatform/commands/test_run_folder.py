import os
import tempfile
import time
from pathlib import Path

import pytest

from mlplatform.management import run_folder


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def aged(folder: Path) -> Path:
    before = time.time() - run_folder.NEW_S - 1
    os.utime(folder, (before, before))
    return folder


def left(temporary: Path) -> Path:
    folder = temporary / f"{run_folder.PREFIX}left"
    (folder / "compute").mkdir(parents=True)
    return folder


def test_the_folder_is_deleted_at_the_end(temporary):
    with run_folder.create() as folder:
        assert Path(folder).parent == temporary
        assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_killed_platform_is_deleted_by_the_next_start(temporary):
    folder = aged(left(temporary))
    with run_folder.create():
        assert not folder.exists()


def test_the_folder_of_a_platform_that_runs_is_kept():
    with run_folder.create() as running:
        aged(Path(running))
        with run_folder.create():
            assert Path(running).is_dir()


def test_a_folder_that_is_not_locked_yet_is_kept(temporary):
    folder = left(temporary)
    with run_folder.create():
        assert folder.is_dir()


def test_a_link_to_another_folder_is_not_followed(temporary):
    other = temporary / "other"
    other.mkdir()
    aged(other)
    (temporary / f"{run_folder.PREFIX}link").symlink_to(other)
    with run_folder.create():
        assert other.is_dir()
