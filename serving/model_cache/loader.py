"""Load a stored artifact into memory and verify that it predicts as it did when it was trained."""

from dataclasses import dataclass

from registry import artifacts
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion
from serving.engine import ensembles, inference, registration, verification
from serving.engine.inference import InferenceEngine
from serving.inputs.input_warnings import InputWarnings
from serving.inputs.reader import Reader
from serving.model_cache import compatibility
from serving.models import CompatibilityCheck, Verification
from serving.monitoring import metrics


@dataclass
class Model:
    """A loaded artifact with everything needed to predict from rows."""

    version: ModelVersion
    engine: InferenceEngine
    reader: Reader
    input_warnings: InputWarnings
    nbytes: int
    used_at: float = 0.0


@metrics.time_load()
def load(version: ModelVersion, key: str) -> Model:
    """Load the artifact under `key` and verify it by its golden rows, whose prediction also warms it up.

    Raises NotReady if the object store is down, ArtifactRefused if the artifact was changed or predicts a golden row
    differently, and what compatibility.require() raises. Of a version that cannot predict, the artifact is not loaded.
    """
    inputs = version.signature["inputs"]
    if not version.signature["can_predict"]:
        engine = inference.full_pipeline(None, "it cannot predict new rows")
        return Model(version, engine, Reader(inputs), InputWarnings(inputs, {}), engine.nbytes)
    check = compatibility.require(version, key)
    pipeline = artifacts.load(version, key)
    engine = _verified_engine(version, pipeline, check)
    return Model(
        version,
        engine,
        Reader(inputs),
        InputWarnings(inputs, ensembles.categories(pipeline)),
        version.artifact_size + engine.nbytes,
    )


def _verified_engine(version: ModelVersion, pipeline, check: CompatibilityCheck | None) -> InferenceEngine:
    signature = version.signature
    record = registration.record_of(version)
    if record is None:  # registered before golden rows were kept: only the engine can be verified
        engine, _ = verification.verify(pipeline, signature, None)
        return engine
    if record.engine == Verification.Engine.PIPELINE:
        engine = inference.full_pipeline(pipeline, record.reason)
    elif check and check.engine == Verification.Engine.PIPELINE:
        engine = inference.full_pipeline(pipeline, "its fast engine differs with the installed scikit-learn")
    else:
        engine = verification.build_engine(pipeline, signature)
    golden = verification.GoldenRows(record.golden_rows, record.predictions, record.probabilities)
    row = verification.first_mismatch(engine, golden, signature)
    if row is not None:
        raise ArtifactRefused(
            f"{version} cannot be served: golden row {row} gets a different prediction here than when the model was "
            "trained. Run the server with the library versions of the training, or train the model again.",
            code="golden_row_differs",
        )
    return engine
