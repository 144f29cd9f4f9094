"""Verify a fitted pipeline and record the result with its model version."""

from collections.abc import Callable

from registry.models import ModelVersion
from registry.training.pipelines import FitResult
from serving.engine import verification
from serving.models import Verification


def verify(result: FitResult) -> Callable[[ModelVersion], None]:
    """Verify a fit; the returned function saves the record, in the transaction that registers the version."""
    if not result.signature["can_predict"]:
        return lambda version: None
    engine, golden = verification.verify(result.pipeline, result.signature, result.held_out)

    def save(version: ModelVersion) -> None:
        Verification.objects.create(
            model_version=version,
            engine=engine.kind,
            reason=engine.reason,
            golden_rows=golden.rows,
            predictions=golden.predictions,
            probabilities=golden.probabilities,
        )

    return save
