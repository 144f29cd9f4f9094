"""Combinations of the settings of a cluster."""

import pytest

from mlplatform import system_checks


@pytest.fixture
def check(settings, tmp_path):
    file = tmp_path / "pem"
    file.touch()

    def run(address="", compute="dask", **names):
        settings.COMPUTE, settings.DASK_SCHEDULER = compute, address
        for name in ("CA", "CERT", "KEY"):
            setattr(settings, f"DASK_TLS_{name}", names.get(name, ""))
        return [message.id for message in system_checks.compute(None)]

    run.files = dict.fromkeys(("CA", "CERT", "KEY"), str(file))
    return run


def test_a_local_cluster_and_one_with_tls_need_nothing_else(check):
    assert check() == []
    assert check("tcp://127.0.0.1:8786") == []
    assert check("tls://dask.example.org:8786", **check.files) == []


def test_tls_needs_all_of_its_files(check):
    assert check("tls://dask.example.org:8786") == ["platform.E006"]
    assert check("tls://dask.example.org:8786", CA=check.files["CA"]) == ["platform.E006"]


def test_a_file_that_cannot_be_read_is_an_error(check):
    files = check.files | {"KEY": "/does/not/exist"}
    assert check("tls://dask.example.org:8786", **files) == ["platform.E007"]


def test_an_address_without_tls_does_not_use_its_files(check):
    assert check("tcp://127.0.0.1:8786", **check.files) == ["platform.E008"]


def test_an_address_of_another_machine_without_tls_is_a_warning(check):
    assert check("tcp://dask.example.org:8786") == ["platform.W004"]


def test_a_scheduler_without_an_effect_is_a_warning(check):
    assert check("tcp://127.0.0.1:8786", compute="local") == ["platform.W003"]
    assert check(compute="local") == []


def test_dask_that_is_not_installed_is_named_with_the_command_that_installs_it(check, monkeypatch):
    monkeypatch.setattr(system_checks.importlib.util, "find_spec", lambda name: None)
    assert check() == ["platform.E005"]
    assert "make run EXTRAS=dask" in system_checks.compute(None)[0].hint
