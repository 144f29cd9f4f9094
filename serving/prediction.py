"""The predict operation: rows to predictions with a live model. Every protocol calls it."""

import time
from dataclasses import dataclass, replace

import numpy as np
from django.core.exceptions import ValidationError

from catalog.models import Dataset
from mlplatform.auth import permissions
from registry.models import Release
from serving.explanation import reasons
from serving.explanation.reasons import Explanation
from serving.inputs.reader import TypedRows
from serving.inputs.sources import Rows, RowSource
from serving.model_cache.cache import CacheEntry, shared_cache
from serving.model_cache.loader import Model
from serving.monitoring import metrics


@dataclass(frozen=True)
class Prediction:
    """One prediction per row, equal to that of the fitted pipeline, as JSON values of the target's type."""

    release: Release
    predictions: list
    classes: list | None = None
    probabilities: list[list[float | None]] | None = None
    warnings: list[dict] | None = None
    explanation: Explanation | None = None


def predict(
    dataset: Dataset | str,
    *,
    stage: str | None,
    rows: list | RowSource,
    by,
    version: int | None = None,
    probabilities: bool = False,
    warnings: bool = False,
    explain: bool = False,
    protocol: str = "native",
) -> Prediction:
    """Predict rows with the live model of a stage, or with a version that is or was live there (None: in any stage).

    `rows` are lists in the signature's order or objects by column name. `warnings` adds the input warnings of each
    row, `explain` the reasons for each prediction, of a few rows. Raises PermissionDenied, ValidationError with the
    rows and columns that do not match the signature or if the model does not support the request, and what
    ModelCache.get() and reasons.explain() raise.
    """
    start = time.perf_counter()
    name = dataset if isinstance(dataset, str) else dataset.name
    with metrics.count_failures(protocol) as call:
        permissions.check(by, "predict")
        entry = call.entry = shared_cache().get(name, stage=stage, version=version)
        model = entry.model
        check_supported(model, probabilities=probabilities)
        typed = (rows if hasattr(rows, "to_typed") else Rows(rows)).to_typed(model.reader)
        if explain:
            reasons.check_count(typed.count)
        result = _predict(entry, typed, probabilities=probabilities, warnings=warnings)
        if explain:
            began = time.perf_counter()
            result = replace(result, explanation=reasons.explain(model, typed, result.predictions))
            start += time.perf_counter() - began  # the metrics are about the prediction
    counts = model.input_warnings.counts(typed)
    metrics.count_prediction(entry, protocol=protocol, rows=typed.count, warnings=counts, start=start)
    return result


def _predict(entry: CacheEntry, typed: TypedRows, *, probabilities: bool, warnings: bool) -> Prediction:
    model = entry.model
    values, class_scores = run(model, typed, probabilities=probabilities)
    return Prediction(
        release=entry.release,
        predictions=to_json(values),
        classes=model.version.signature["classes"] if probabilities else None,
        probabilities=to_json(class_scores) if probabilities else None,
        warnings=model.input_warnings.details(typed) if warnings else None,
    )


def check_supported(model: Model, *, probabilities: bool) -> None:
    """Raise ValidationError if the model cannot predict new rows, or not with probabilities."""
    version = model.version
    if not version.signature["can_predict"]:
        raise ValidationError(
            f"{version.algorithm} cannot assign new rows to its clusters. Train a clusterer that can, such as KMeans.",
            code="cannot_predict",
        )
    if probabilities and not version.signature["probabilities"]:
        raise ValidationError(f"{version.algorithm} does not support probabilities.", code="no_probabilities")


def run(
    model: Model, typed: TypedRows, *, probabilities: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """The engine's outputs. Raises ValidationError if it rejects a number; its own message may quote data."""
    if not typed.count:
        return _empty(model, probabilities=probabilities)
    try:
        return model.engine.predict(typed, probabilities=probabilities)
    except ValueError as error:
        sentence = f"{model.version.algorithm} cannot predict these rows: a number is too far from the training data."
        raise ValidationError({"input_data": ValidationError(sentence, code="invalid_input")}) from error


def _empty(model: Model, *, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """The outputs for no rows, which estimators reject: those of one row without it, for their types and shapes."""
    example = model.reader.from_rows([model.version.signature["example"]])
    predictions, scores = run(model, example, probabilities=probabilities)
    return predictions[:0], None if scores is None else scores[:0]


def to_json(values: np.ndarray) -> list:
    """An array as JSON values; numbers that are not finite become null."""
    items = values.tolist()
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return items
    if values.ndim == 1:
        return [value if np.isfinite(value) else None for value in items]
    return [to_json(row) for row in values]
