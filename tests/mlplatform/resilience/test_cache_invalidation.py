"""Change signals: a file's time that all processes of a machine compare."""

import time

import pytest

from mlplatform.resilience.cache_invalidation import READ_EVERY_S, ChangeSignal


@pytest.fixture
def signals(tmp_path, settings):
    """The same signal in two processes."""
    settings.DATA_DIR = tmp_path
    return ChangeSignal("test"), ChangeSignal("test")


def test_an_announcement_changes_the_number_in_the_announcing_process_at_once(signals):
    signal, _ = signals
    before = signal.last_change()
    assert signal.last_change() == before
    signal.announce()
    after = signal.last_change()
    assert after != before
    signal.announce()
    assert signal.last_change() != after


def test_another_process_sees_an_announcement_after_its_next_read(signals):
    signal, other = signals
    before = other.last_change()
    signal.announce()
    time.sleep(READ_EVERY_S)
    assert other.last_change() == signal.last_change() != before


def test_an_announcement_does_not_fail_if_the_folder_is_not_writable(settings):
    settings.DATA_DIR = "/dev/null"
    signal = ChangeSignal("test")
    signal.announce()
    assert signal.last_change() == 0
