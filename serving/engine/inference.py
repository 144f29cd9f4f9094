"""Choose the inference engine of a fitted pipeline. No Django.

An engine encodes typed rows straight into one float64 array (encoder.py) and predicts on it (predictors.py): with
optimised trees, or with the estimator itself. A pipeline with an unsupported step is used whole, on a frame.
"""

import contextlib
from dataclasses import dataclass

import numpy as np

from serving.engine.blocks import UnsupportedPipeline
from serving.engine.encoder import Encoder
from serving.engine.ensembles import EnsembleEncoder, VotingPredictor, is_ensemble, members
from serving.engine.imported import pipeline as imported
from serving.engine.imported.pipeline import ImportedEncoder
from serving.engine.predictors import Predictor, predictor_for
from serving.engine.trees import OutOfRange
from serving.inputs.reader import TypedRows


@dataclass
class InferenceEngine:
    """Predicts what the pipeline predicts. `reason` says why the full pipeline is used, if it is."""

    pipeline: object
    encoder: Encoder | EnsembleEncoder | ImportedEncoder | None = None
    predictor: Predictor | VotingPredictor | None = None
    reason: str = ""

    @property
    def kind(self) -> str:
        """`trees`, `estimator` or `pipeline`."""
        return self.predictor.kind if self.predictor else "pipeline"

    @property
    def nbytes(self) -> int:
        """The memory used in addition to the pipeline."""
        return self.predictor.nbytes + getattr(self.encoder, "nbytes", 0) if self.predictor else 0

    def predict(
        self, rows: TypedRows, *, probabilities: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The predictions (rows,) and, if requested, the class probabilities (rows, classes).

        Raises ValueError, with scikit-learn's message, if a number is too large for the estimator.
        """
        if self.predictor:
            with contextlib.suppress(OutOfRange):
                return self.predictor.predict(self.encoder(rows), probabilities=probabilities)
        frame = rows.to_frame()
        predictions = np.ravel(self.pipeline.predict(frame))
        return predictions, self.pipeline.predict_proba(frame) if probabilities else None


def full_pipeline(pipeline, reason: str) -> InferenceEngine:
    """The engine that uses the whole pipeline, and why."""
    return InferenceEngine(pipeline, reason=reason)


def build(pipeline, signature: dict) -> InferenceEngine:
    """The fastest engine of a fitted pipeline: the full pipeline if one of its steps is not supported."""
    inputs = signature["inputs"]
    try:
        if is_ensemble(pipeline):
            encoder = EnsembleEncoder(members(pipeline), inputs)
            return InferenceEngine(pipeline, encoder, VotingPredictor(pipeline["model"]))
        if imported.is_imported(pipeline):
            return InferenceEngine(pipeline, *imported.compile_pipeline(pipeline, inputs))
        encoder = Encoder(pipeline["columns"], inputs)
    except UnsupportedPipeline as error:
        return full_pipeline(pipeline, str(error))
    return InferenceEngine(pipeline, encoder, predictor_for(pipeline["model"]))
