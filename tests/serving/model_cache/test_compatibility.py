"""Artifacts of another version of scikit-learn: verified in a child process once, then served or refused."""

import hashlib
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from mlplatform.errors import NotReady
from mlplatform.web import health
from registry import artifacts
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion
from registry.releases.promotion import promote
from serving.model_cache import compatibility, replay_process
from serving.models import CompatibilityCheck, Verification
from tests.servers.clocks import CLOCKS, machine_clock
from tests.serving.model_cache.conftest import live_number
from tests.serving.model_cache.test_loader import change_prediction

INSTALLED = artifacts.libraries()["scikit-learn"]
MAJOR, MINOR, _ = INSTALLED.split(".", 2)
EARLIER = f"{MAJOR}.{int(MINOR) - 1}.0"


def trained_with(version: ModelVersion, scikit_learn: str) -> ModelVersion:
    version.libraries["scikit-learn"] = scikit_learn
    version.artifact_hmac = artifacts.sign(version)
    version.save()
    return version


@pytest.fixture
def version(make_version):
    version = make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})
    return trained_with(version, EARLIER)


def record(version, state, **fields) -> CompatibilityCheck:
    """A check as another process has written it."""
    fields = {
        "model_version": version,
        "artifact_sha256": version.artifact_sha256,
        "libraries": ", ".join(f"{name} {number}" for name, number in artifacts.libraries().items()),
        "scikit_learn": INSTALLED,
        "state": state,
        "lease_expires_at": timezone.now() + timedelta(minutes=1),
    } | fields
    return CompatibilityCheck.objects.create(**fields)


def require(version):
    return compatibility.require(version, version.release.key)


@pytest.mark.usefixtures("committed")
def test_an_artifact_of_another_minor_version_is_verified_once_and_served(make_cache, version, api, page):
    caches, numbers = [make_cache() for _ in range(2)], []

    def request(cache):
        numbers.append(live_number(cache))
        connection.close()

    threads = [threading.Thread(target=request, args=[cache]) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == [1, 1]
    check = CompatibilityCheck.objects.get()
    assert (check.state, check.engine, check.row) == ("verified", "trees", None)
    sentence = f"trained with scikit-learn {EARLIER}, verified on {INSTALLED}"
    assert api.get("/models/flowers/1").json()["compatibility"] == sentence
    assert sentence.capitalize() in page.get(reverse("registry:model", args=["flowers", 1])).text


def test_a_golden_row_that_differs_is_named_and_the_version_is_refused(version, api):
    change_prediction(version, row=3)
    got, expected = "rose", "tulip"
    if Verification.objects.get().predictions[2] == got:
        got, expected = expected, got
    output = StringIO()
    with pytest.raises(CommandError, match="1 of 1 models cannot be served"):
        call_command("check_models", stdout=output)
    sentence = f"golden row 3 has another prediction: expected `{expected}`, got `{got}`"
    assert sentence in output.getvalue()
    with pytest.raises(ArtifactRefused, match=sentence) as refusal:
        require(version)
    assert refusal.value.code == "artifact_incompatible"
    compatibility = api.get("/models/flowers/1").json()["compatibility"]
    assert compatibility == f"trained with scikit-learn {EARLIER}, refused on {INSTALLED}: {sentence}"


def test_check_models_lists_the_live_models_and_with_all_the_others(make_version, make_dataset, admin):
    source = make_dataset()
    promote(make_version(source), stage="staging", by=admin)
    make_version(source)
    make_version(source)
    output = StringIO()
    call_command("check_models", stdout=output)
    rows = [line.split() for line in output.getvalue().splitlines()[2:]]
    live = [["flowers", "dev", "3", INSTALLED, "ok"], ["flowers", "staging", "1", INSTALLED, "ok"]]
    assert rows == live
    output = StringIO()
    call_command("check_models", "--all", stdout=output)
    rows = [line.split() for line in output.getvalue().splitlines()[2:]]
    assert rows == [*live, ["flowers", "-", "2", INSTALLED, "ok"]]


def test_a_result_is_used_without_another_check(version):
    check = record(version, "verified", engine="trees")
    assert require(version) == check


def test_a_version_shows_the_last_check_on_each_scikit_learn(version):
    record(
        version, "refused", libraries="an earlier numpy", row=2, output="prediction", expected="1", got="2"
    )
    record(version, "verified")
    assert version.compatibility == f"trained with scikit-learn {EARLIER}, verified on {INSTALLED}"


def test_a_result_of_other_libraries_or_another_artifact_is_not_used(version):
    record(version, "verified", libraries="scikit-learn 1.2.3")
    record(version, "verified", artifact_sha256="0")
    Verification.objects.all().delete()
    with pytest.raises(ArtifactRefused, match="no golden rows"):
        require(version)


@pytest.mark.usefixtures("committed")
def test_a_check_that_another_process_runs_is_waited_for(version):
    check, checks = record(version, "running"), []

    def wait():
        checks.append(require(version))
        connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    CompatibilityCheck.objects.update(state="verified", engine="pipeline", finished_at=timezone.now())
    thread.join()
    assert checks == [check]


@pytest.mark.parametrize(
    "left",
    [
        {"state": "running", "lease_expires_at": timezone.now() - timedelta(seconds=1)},
        {"state": "failed", "finished_at": timezone.now() - compatibility.RETRY - timedelta(seconds=1)},
    ],
    ids=["of a process that died", "failed"],
)
def test_a_check_without_a_result_is_repeated(version, left):
    record(version, **left)
    Verification.objects.all().delete()
    with pytest.raises(ArtifactRefused, match="no golden rows"):
        require(version)
    assert CompatibilityCheck.objects.get().state == "refused"


@pytest.mark.parametrize("seconds", [0, *CLOCKS.values()], ids=["right", *CLOCKS])
def test_a_check_that_failed_a_moment_ago_is_not_repeated_whatever_the_clock_of_the_machine(version, seconds):
    finished_at = timezone.now() - compatibility.RETRY + timedelta(seconds=30)
    record(version, "failed", finished_at=finished_at, reason="the check exceeded its 60-second limit")
    with machine_clock(seconds), pytest.raises(NotReady, match="exceeded its 60-second limit") as failure:
        require(version)
    assert not isinstance(failure.value, ArtifactRefused)


def test_a_check_has_a_time_limit():
    work = {"path": "x", "sha256": "0", "signature": {}, "golden": {}, "engine": "trees"}
    with pytest.raises(replay_process.NoResult, match="0-second limit"):
        replay_process.run(work, renew=lambda: None, timeout_s=0)


def test_an_artifact_that_cannot_be_loaded_has_the_error_as_reason(tmp_path):
    path = tmp_path / "artifact"
    path.write_bytes(b"cgone\nClass\n.")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    rest = {"signature": {}, "golden": {}, "engine": "trees"}
    result = replay_process.replay_copy(path=str(path), sha256=sha256, **rest)
    assert result.reason == "loading it failed with ModuleNotFoundError: No module named 'gone'"
    assert "ValueError" in replay_process.replay_copy(path=str(path), sha256="0", **rest).reason


def test_changed_bytes_are_rejected_before_the_check(version, truncate_artifact):
    truncate_artifact(version)
    with pytest.raises(ArtifactRefused, match="have changed"):
        require(version)
    assert not CompatibilityCheck.objects.exists()


@pytest.mark.parametrize("other", [f"{int(MAJOR) + 1}.0.0", "0.24.2"])
def test_an_artifact_of_another_major_version_is_refused_without_loading_it(version, other):
    with pytest.raises(ArtifactRefused, match="another major version"):
        require(trained_with(version, other))
    assert not CompatibilityCheck.objects.exists()


def test_a_model_whose_fast_engine_differs_is_served_by_its_full_pipeline(cache, version):
    record(version, "verified", engine="pipeline")
    engine = cache.get("flowers", stage="dev").model.engine
    assert (engine.kind, engine.reason) == (
        "pipeline",
        "its fast engine differs with the installed scikit-learn",
    )


@pytest.fixture
def reports_at_once(monkeypatch):
    """Reports of the probe that are as new as the probe."""
    monkeypatch.setattr(health, "_reports", health.Reports(keep_s=0))


@pytest.mark.usefixtures("reports_at_once")
def test_a_clusterer_that_cannot_predict_needs_no_check(cache, client, make_version):
    trained_with(make_version(module="cluster", class_name="DBSCAN"), EARLIER)
    assert cache.get("flowers", stage="dev").model.engine.reason == "it cannot predict new rows"
    assert client.get("/readyz").json()["models"] == {"refused": 0, "not_verified": 0}
    assert not CompatibilityCheck.objects.exists()


@pytest.mark.usefixtures("reports_at_once")
def test_readiness_reports_how_many_live_models_are_refused_or_not_verified(
    client, version, make_dataset, make_version
):
    other = make_version(make_dataset("others"))
    assert client.get("/readyz").json()["models"] == {"refused": 0, "not_verified": 1}
    record(version, "refused")
    trained_with(other, "0.24.2")
    response = client.get("/readyz")
    assert (response.status_code, response.json()["models"]) == (200, {"refused": 2, "not_verified": 0})
    trained_with(other, INSTALLED)
    CompatibilityCheck.objects.update(state="verified")
    assert client.get("/readyz").json()["models"] == {"refused": 0, "not_verified": 0}
