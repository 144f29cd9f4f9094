"""Verify a fitted pipeline, and record the result with its model version: written once, and read at every load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlplatform import hashing
from registry import artifacts
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion
from serving.engine import speed, verification
from serving.models import Verification

if TYPE_CHECKING:
    from registry.training.pipelines import FitResult

PURPOSE = "verification"  # of signatures


def verify(result: FitResult) -> dict | None:
    """Verify a fit. Returns the fields of its record as JSON, None of a model that cannot predict."""
    if not result.signature["can_predict"]:
        return None
    engine, golden = verification.verify(result.pipeline, result.signature, result.held_out)
    one_row_s, thousand_rows_s = speed.measure(engine, result.signature, result.held_out)
    return {
        "engine": engine.kind,
        "reason": engine.reason,
        "golden_rows": golden.rows,
        "predictions": golden.predictions,
        "probabilities": golden.probabilities,
        "one_row_s": one_row_s,
        "thousand_rows_s": thousand_rows_s,
        "memory_bytes": engine.nbytes,
    }


def save(verified: dict | None, version: ModelVersion) -> None:
    """Save the record of a version, in the transaction that registers it."""
    if verified is None:
        return
    record = Verification(model_version=version, **verified)
    record.memory_bytes += version.artifact_size
    record.hmac = sign(record, version)
    record.save(force_insert=True)


def record_of(version: ModelVersion) -> Verification | None:
    """The record of a version, None if it was registered before there were any. Raises ArtifactRefused."""
    record = Verification.objects.filter(pk=version.pk).first()
    if record and not is_signed(record, version):
        raise ArtifactRefused(
            f"The golden rows of {version} were rejected: they were not signed with this server's SECRET_KEY for this "
            "artifact. Restore the database from a backup, or train the model again.",
            code="artifact_refused",
        )
    return record


def sign_again(version: ModelVersion) -> bool:
    """Sign a version and its record with the current SECRET_KEY; False if no key of this server has signed both.

    A migration without the key of an earlier release has left the signature of that, which covers no record.
    """
    record = Verification.objects.filter(pk=version.pk).first()
    if artifacts.has_former_signature(version):
        is_ours = record is None or not record.hmac
    else:
        is_ours = artifacts.is_signed(version) and (record is None or is_signed(record, version))
    if not is_ours:
        return False
    ModelVersion.objects.filter(pk=version.pk).update(artifact_hmac=artifacts.sign(version))
    if record:
        Verification.objects.filter(pk=version.pk).update(hmac=sign(record, version))
    return True


def sign(record: Verification, version: ModelVersion) -> str:
    return hashing.sign(PURPOSE, _signed(record, version))


def is_signed(record: Verification, version: ModelVersion) -> bool:
    return hashing.is_signed(PURPOSE, _signed(record, version), record.hmac)


def _signed(record: Verification, version: ModelVersion) -> dict:
    names = ("engine", "reason", *Verification.LARGE)
    facts = {name: getattr(record, name) for name in names}
    return facts | {
        "dataset": version.dataset_id,
        "number": version.number,
        "sha256": version.artifact_sha256,
    }
