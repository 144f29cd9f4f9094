"""The proof of a freshly fitted pipeline, written with its model version."""

from collections.abc import Callable

from registry.models import ModelVersion
from registry.training.pipelines import FitResult
from serving.engine import verification
from serving.models import Proof


def prove(result: FitResult) -> Callable[[ModelVersion], None]:
    """Prove a fit now; the answer writes what was found, inside the transaction that registers the version."""
    if not result.signature["can_predict"]:
        return lambda version: None
    plan, kept = verification.prove(result.pipeline, result.signature, result.held_out)

    def write(version: ModelVersion) -> None:
        Proof.objects.create(
            model_version=version,
            plan=plan.kind,
            reason=plan.reason,
            rows=kept.rows,
            predictions=kept.predictions,
            probabilities=kept.probabilities,
        )

    return write
