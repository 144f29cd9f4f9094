"""Compile a pipeline that was imported: what a team has fitted is its step "model", see registry/imports/adapter.py."""

import numpy as np

from registry.estimators import wrappers
from serving.engine.blocks import UnsupportedPipeline
from serving.engine.boosters import LabelledPredictor
from serving.engine.imported.columns import (
    NUMBERS,
    ColumnArrays,
    Numbers,
    flat,
    on_arrays,
    transformed,
    without_names,
)
from serving.engine.predictors import Predictor, predictor_for
from serving.engine.trees import OutOfRange
from serving.inputs.reader import TypedRows


def is_imported(pipeline) -> bool:
    """Whether its columns are only converted, and prepared in its last step."""
    return not hasattr(pipeline["columns"], "transformers_")


def compile_pipeline(pipeline, inputs: list[dict]) -> tuple["ImportedEncoder", Predictor]:
    """Its encoder and its predictor. Raises UnsupportedPipeline."""
    *steps, estimator = flat([pipeline["model"]])
    vote = estimator if _is_labelled(estimator) else None
    if vote is not None:
        *inner, estimator = flat(vote.estimators_)
        steps += inner
    encoder = ImportedEncoder(pipeline["columns"], steps, inputs, allows_gaps=_allows_gaps(estimator))
    predictor = predictor_for(without_names(estimator))
    return encoder, predictor if vote is None else LabelledPredictor(vote, predictor)


class ImportedEncoder:
    """Typed rows -> one float64 array (rows, columns), as the estimator gets it."""

    def __init__(self, conversions, steps: list, inputs: list[dict], *, allows_gaps: bool):
        if steps and type(steps[0]).__name__ == "ColumnTransformer":
            self.first = ColumnArrays(steps[0], conversions, inputs)
            steps = steps[1:]
        elif {one["type"] for one in inputs} <= NUMBERS or _are_numbers(conversions):
            self.first = Numbers(range(len(inputs)), inputs)
        else:
            raise UnsupportedPipeline("it was imported, and takes columns of several types together")
        self.steps, self.allows_gaps = [on_arrays(step) for step in steps], allows_gaps
        self.nbytes = self.first.nbytes

    def __call__(self, rows: TypedRows) -> np.ndarray:
        cells = transformed(self.steps, self.first(rows))
        if not self.allows_gaps and np.isnan(cells).any():
            raise OutOfRange  # the estimator rejects it, but not in the way that the engine calls it
        return cells


def _is_labelled(estimator) -> bool:
    return type(estimator).__name__ in wrappers.VOTES and wrappers.is_labelled(estimator)


def _are_numbers(conversions) -> bool:
    """Whether the columns are made one array of floats: what adapter.as_pipeline() does for cells of numbers."""
    first = None if isinstance(conversions, str) else conversions.steps[0][1]
    return getattr(first, "kw_args", None) == {"dtype": "float64"}


def _allows_gaps(estimator) -> bool:
    from sklearn.utils import get_tags

    is_of_sklearn = type(estimator).__module__.startswith("sklearn.")
    return not is_of_sklearn or get_tags(estimator).input_tags.allow_nan
