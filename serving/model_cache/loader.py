"""From a stored artifact to a model in memory that is proved to predict as it did when it was trained."""

from dataclasses import dataclass

from registry import artifacts
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion
from serving.engine import plans, verification
from serving.inputs.input_warnings import Watch
from serving.inputs.reader import Reader
from serving.models import Proof
from serving.monitoring import metrics


@dataclass
class Model:
    """One artifact in memory, with what it takes to predict from rows."""

    version: ModelVersion
    plan: plans.ServingPlan
    reader: Reader
    watch: Watch
    nbytes: int
    used_at: float = 0.0


@metrics.time_load()
def load(version: ModelVersion, key: str) -> Model:
    """Read, check and unpickle an artifact, compile its plan and predict its golden rows, which also warms it up."""
    signature = version.signature
    pipeline = artifacts.load(version, key)
    proof = Proof.objects.filter(pk=version.pk).first()
    if not signature["can_predict"]:
        plan = plans.by_pipeline(pipeline, "it cannot predict")
    elif proof is None:  # registered before there were proofs: only the plan can be checked
        plan, _ = verification.prove(pipeline, signature, None)
    else:
        plan = plans.by_pipeline(pipeline, proof.reason)
        if proof.plan != Proof.Plan.PIPELINE:
            plan = verification.compiled(pipeline, signature)
        kept = verification.Golden(proof.rows, proof.predictions, proof.probabilities)
        row = verification.first_difference(plan, kept, signature)
        if row is not None:
            raise ArtifactRefused(
                f"{version} is refused: row {row} of its golden rows is not predicted here as it was when the model "
                "was trained. Run the server with the libraries it was trained with, or train it again.",
                code="golden_row_differs",
            )
    watch = Watch(signature["inputs"], pipeline)
    return Model(version, plan, Reader(signature["inputs"]), watch, version.artifact_size + plan.nbytes)
