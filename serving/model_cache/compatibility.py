"""Decide whether an artifact that another version of scikit-learn saved can be served with the installed one.

The pickle of another version may load and predict something else, or crash. So a child process loads it and predicts
its golden rows, which must be equal bit for bit. The database keeps the result, which needs no signature: it admits
only artifacts whose bytes are signed.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db.models import Case, Q, When

from mlplatform import hashing
from mlplatform.errors import NotReady
from mlplatform.resilience.database_clock import LEASE_EXPIRED, NOW, ago, from_now
from registry import artifacts
from registry.artifacts import ArtifactRefused
from registry.estimators.frameworks import extras
from registry.models import ModelVersion, Release
from serving.engine import registration
from serving.model_cache import replay_process
from serving.models import CompatibilityCheck, Verification

LEASE = timedelta(seconds=15)  # it is renewed every 2 seconds
POLL_S = 0.2
RETRY = timedelta(minutes=5)  # after a check that was killed or took too long
State = CompatibilityCheck.State
MAY_BE_REPEATED = Q(state=State.FAILED, finished_at__lt=ago(RETRY))

_turn = threading.Lock()  # one check at a time in this process: each takes a core and the memory of a model


def require(version: ModelVersion, key: str) -> CompatibilityCheck | None:
    """The check that permits to load a version here; None if the installed scikit-learn saved its artifact.

    Runs the check if there is no result yet, or waits for the process that runs it. Raises ArtifactRefused if a golden
    row differs or the major version does, and NotReady if there is still no result.
    """
    if artifacts.is_of_installed_version(version):
        return None
    check = _of(version).first()
    if check is None or not check.is_final:
        with _turn:
            check = _decide(version, key)
    if check.state == State.VERIFIED:
        return check
    error = ArtifactRefused if check.state == State.REFUSED else NotReady
    code = "artifact_incompatible" if check.state == State.REFUSED else "artifact_not_verified"
    raise error(
        f"{version} was trained with scikit-learn {version.libraries['scikit-learn']} and is {check.summary}. "
        f"{_remedy(check)}",
        code=code,
    )


def forget_failures() -> None:
    """Discard the results of the installed libraries that do not permit to load a version, to check again."""
    CompatibilityCheck.objects.filter(
        libraries=_installed(), state__in=[State.REFUSED, State.FAILED]
    ).delete()


def report() -> dict[str, int]:
    """The READINESS_REPORTS of mlplatform/web/health.py: how many live releases are refused or not verified here."""
    installed = artifacts.libraries()["scikit-learn"]
    others = Release.objects.live().exclude(**{"model_version__libraries__scikit-learn": installed})
    columns = ("model_version_id", "model_version__libraries", "model_version__signature__can_predict")
    versions = [(pk, libraries) for pk, libraries, can_predict in others.values_list(*columns) if can_predict]
    checks = CompatibilityCheck.objects.filter(
        libraries=_installed(), model_version__in={pk for pk, _ in versions}
    )
    states = dict(checks.values_list("model_version_id", "state"))
    counts = {"refused": _without_framework(installed), "not_verified": 0}
    for pk, libraries in versions:
        is_other_major = str(libraries.get("scikit-learn")).partition(".")[0] != installed.partition(".")[0]
        if is_other_major or states.get(pk) == State.REFUSED:
            counts["refused"] += 1
        elif states.get(pk) != State.VERIFIED:
            counts["not_verified"] += 1
    return counts


def _without_framework(installed: str) -> int:
    """How many live releases of the installed scikit-learn need an optional framework that is missing here."""
    missing = {framework.name for framework in extras.not_installed()}
    same = Release.objects.live().filter(**{"model_version__libraries__scikit-learn": installed})
    if not missing:
        return 0
    return sum(
        not missing.isdisjoint(used) for used in same.values_list("model_version__libraries", flat=True)
    )


def _installed() -> str:
    return ", ".join(f"{name} {number}" for name, number in artifacts.libraries().items())


def _of(version: ModelVersion):
    """Its row for the installed libraries, if there is one, with `is_final`: whether its result stands."""
    rows = CompatibilityCheck.objects.filter(
        model_version=version, artifact_sha256=version.artifact_sha256, libraries=_installed()
    )
    return rows.annotate(
        is_final=Case(When(Q(state=State.RUNNING) | MAY_BE_REPEATED, then=False), default=True)
    )


def _remedy(check: CompatibilityCheck) -> str:
    if check.state == State.REFUSED:
        return "Retrain it, or run the server with that version."
    return f"The next try is {RETRY // timedelta(minutes=1)} minutes after the last one."


def _decide(version: ModelVersion, key: str) -> CompatibilityCheck:
    """A check with a result: run here, unless another process runs it already."""
    deadline = time.monotonic() + replay_process.TIMEOUT_S
    while time.monotonic() < deadline:
        check, is_ours = _claim(version)
        if is_ours:
            return _run(check, version, key)
        if check.is_final:
            return check
        time.sleep(POLL_S)
    raise NotReady("The model is being verified. Try again in a moment.", code="model_loading")


def _claim(version: ModelVersion) -> tuple[CompatibilityCheck, bool]:
    """The row of the check, and whether this process has to run it: nobody else does, or the one that did has died."""
    check, is_new = _of(version).get_or_create(
        defaults={
            "model_version": version,
            "artifact_sha256": version.artifact_sha256,
            "libraries": _installed(),
            "scikit_learn": artifacts.libraries()["scikit-learn"],
            "lease_expires_at": from_now(LEASE),
        }
    )
    if is_new or check.is_final:
        return check, is_new
    is_abandoned = Q(state=State.RUNNING) & LEASE_EXPIRED | MAY_BE_REPEATED
    is_ours = _of(version).filter(is_abandoned).update(state=State.RUNNING, lease_expires_at=from_now(LEASE))
    return check, bool(is_ours)


def _run(check: CompatibilityCheck, version: ModelVersion, key: str) -> CompatibilityCheck:
    """Run the check and write its result. An error leaves no row, so that the next load tries again."""
    row = CompatibilityCheck.objects.filter(pk=check.pk)
    try:
        record = registration.record_of(version)
        if record is None or not record.golden_rows:
            result = {"state": State.REFUSED, "reason": "it has no golden rows that could be predicted again"}
        else:
            result = _result(version, key, record, renew=lambda: row.update(lease_expires_at=from_now(LEASE)))
    except replay_process.NoResult as failure:
        result = {"state": State.FAILED, "reason": str(failure)}
    except BaseException:
        row.delete()
        raise
    row.update(**result, finished_at=NOW)
    check.refresh_from_db()
    return check


def _result(version: ModelVersion, key: str, record: Verification, *, renew: Callable[[], object]) -> dict:
    """The state, and the engine or the first difference. Raises what open_verified() raises, and NoResult."""
    with artifacts.open_verified(version, key) as file, tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(file, copy, hashing.BLOCK)
        copy.flush()
        work = {
            "path": copy.name,
            "sha256": version.artifact_sha256,
            "signature": version.signature,
            "engine": record.engine,
            "golden": {
                "rows": record.golden_rows,
                "predictions": record.predictions,
                "probabilities": record.probabilities,
            },
        }
        replay = replay_process.run(work, renew=renew)
    return replay | {"state": State.VERIFIED if replay["engine"] else State.REFUSED}
