"""Ensembles: pipelines that are combined, each with its own columns."""

import numpy as np

from registry.estimators import wrappers
from serving.engine.encoder import Encoder, training_categories
from serving.engine.predictors import Predictor, predictor_for
from serving.inputs.reader import TypedRows


def members(pipeline) -> list:
    """The fitted pipelines that an ensemble combines; the pipeline itself if it is none."""
    return list(pipeline["model"].estimators_) if is_ensemble(pipeline) else [pipeline]


def is_ensemble(pipeline) -> bool:
    return type(pipeline["model"]).__name__ in wrappers.VOTES and not wrappers.is_labelled(pipeline["model"])


def categories(pipeline) -> dict[str, frozenset]:
    """The categories of each text and boolean column in training, of the members that have some."""
    found = {}
    for member in members(pipeline):
        found |= training_categories(member["columns"])
    return found


class EnsembleEncoder:
    """Typed rows -> one array for each member. Raises UnsupportedPipeline."""

    def __init__(self, pipelines: list, inputs: list[dict]):
        self.encoders = [Encoder(one["columns"], inputs) for one in pipelines]

    def __call__(self, rows: TypedRows) -> list[np.ndarray]:
        return [encode(rows) for encode in self.encoders]


class VotingPredictor:
    """The mean of the members of an ensemble with weights, each of which has its own predictor."""

    def __init__(self, estimator):
        self.members: list[Predictor] = [predictor_for(one["model"]) for one in estimator.estimators_]
        self.weights = estimator._weights_not_none
        encoder = getattr(estimator, "le_", None)
        self.classes = None if encoder is None else encoder.classes_
        self.kind = "trees" if all(member.kind == "trees" for member in self.members) else "estimator"
        self.nbytes = sum(member.nbytes for member in self.members)

    def predict(self, encoded: list[np.ndarray], *, probabilities: bool):
        """`encoded` has the rows as each member needs them."""
        is_classifier = self.classes is not None
        outputs = [
            member.predict(rows, probabilities=is_classifier)[is_classifier]
            for member, rows in zip(self.members, encoded, strict=True)
        ]
        if not is_classifier:
            return np.average(np.asarray(outputs).T, axis=1, weights=self.weights), None
        mean = np.average(np.asarray(outputs), axis=0, weights=self.weights)
        return self.classes.take(mean.argmax(axis=1)), mean if probabilities else None
