"""The dry run in a child process, and its limits."""

import shutil
import sys

import pytest
from django.core.exceptions import ValidationError

from mlplatform.errors import NotReady
from mlplatform.jobs.children import process
from mlplatform.jobs.children.fork_server import SharedForkServer
from registry.estimators.algorithms import find
from registry.preflight import dry_run_process
from registry.preflight.dry_run_process import turns
from registry.training.request import TrainingRequest
from tests.registry.preflight.conftest import codes, table

INVALID = {"solver": "lbfgs", "l1_ratio": 0.5}
SLOW = 600  # longer than any test may wait


@pytest.fixture
def run(make_dataset):
    """A dry run with time limits that a busy machine does not reach."""

    def check(frame, name="LogisticRegression", *, params=None, target="answer", **limits):
        version = make_dataset(content=frame.to_csv(index=False), new_version=True)
        request = TrainingRequest(find(name).module, name, params or {}, target, random_state=1)
        limits = {"fit_until_s": SLOW, "checks_s": SLOW} | limits
        return dry_run_process.check(version, request=request, **limits)

    return check


def test_the_warnings_of_the_columns_and_of_the_fit_are_returned(run):
    frame = table(3_000, size=range(3_000), answer=["yes" if row % 10 == 0 else "no" for row in range(3_000)])
    assert codes(run(frame, "NuSVC")) == [("identifier", "features"), ("fit_failed", None)]


def test_an_error_is_raised_with_its_code_and_field(run):
    with pytest.raises(ValidationError, match="100% sure") as caught:
        run(table(answer=1.5).rename(columns={"answer": "100% sure"}), target="100% sure")
    assert (caught.value.code, caught.value.params["field"]) == ("continuous_target", "target")


def test_a_fit_that_exceeds_its_time_limit_is_ignored(run):
    assert run(table(), params=INVALID, fit_until_s=0) == []


def test_checks_that_exceed_their_time_limit_are_refused_with_the_limit(run):
    with pytest.raises(ValidationError, match="exceeded their 0-second limit") as caught:
        run(table(), checks_s=0)
    assert caught.value.code == "preflight_timeout"


def test_a_fit_that_exceeds_the_memory_limit_is_refused_with_the_limit(run):
    layers = {"params": {"hidden_layer_sizes": [50, 50, 50]}, "memory_mb": 0}
    with pytest.raises(ValidationError, match="needs more than 0 MB") as caught:
        run(table(), "MLPClassifier", **layers)
    assert caught.value.code == "out_of_memory"


def test_a_server_that_cannot_start_a_process_is_not_ready(run, monkeypatch):
    monkeypatch.setattr(process, "FORK_SERVER", SharedForkServer())
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(NotReady, match="could not start a process") as caught:
        run(table())
    assert caught.value.code == "busy"


def test_only_two_dry_runs_at_once_run_for_a_web_process(run, monkeypatch):
    monkeypatch.setattr(turns, "wait_s", 0)
    with (
        turns.child("signal.pause"),
        turns.child("signal.pause"),
        pytest.raises(NotReady, match="other trainings"),
    ):
        run(table())
    assert run(table()) == []
