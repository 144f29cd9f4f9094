"""Predict with the live model of a dataset and stage: the operation, whatever the transport."""

import time
from dataclasses import dataclass

import numpy as np
from django.core.exceptions import ValidationError

from catalog.models import Dataset
from mlplatform.auth import permissions
from registry.models import Release
from serving.inputs.reader import Reader, TypedRows
from serving.model_cache.cache import CacheEntry, shared_cache
from serving.model_cache.loader import Model
from serving.monitoring import metrics


@dataclass(frozen=True)
class Prediction:
    """One prediction a row, exactly what the fitted pipeline gives, as JSON values of the target's type."""

    release: Release
    predictions: list
    classes: list | None = None
    probabilities: list[list[float | None]] | None = None
    warnings: list[dict] | None = None


@dataclass(frozen=True)
class Rows:
    """Rows as a caller has them. A protocol with another shape has its own class with this one method."""

    rows: list

    def to_typed(self, reader: Reader) -> TypedRows:
        return reader.from_rows(self.rows)


def predict(
    dataset: Dataset | str,
    *,
    stage: str | None,
    rows: list | Rows,
    by,
    version: int | None = None,
    probabilities: bool = False,
    warnings: bool = False,
    protocol: str = "native",
) -> Prediction:
    """Predict rows with the live model of a stage, or with a version that is or was live there (in any: None).

    `dataset` may be its name; `rows` are lists in the signature's order or objects by column name. `warnings` asks
    for what is odd in each row. Raises ValidationError listing rows and columns that do not fit the signature, or
    when the model cannot do what is asked, and what ModelCache.get() raises.
    """
    start = time.perf_counter()
    name = dataset if isinstance(dataset, str) else dataset.name
    with metrics.count_failures(protocol) as attempt:
        permissions.check(by, "predict")
        entry = attempt.entry = shared_cache().get(name, stage=stage, version=version)
        made, typed = _predicted(
            entry,
            rows if hasattr(rows, "to_typed") else Rows(rows),
            probabilities=probabilities,
            warnings=warnings,
        )
    counts = entry.model.input_warnings.counts(typed)
    metrics.count_prediction(entry, protocol=protocol, rows=typed.count, warnings=counts, start=start)
    return made


def _predicted(
    entry: CacheEntry, rows: Rows, *, probabilities: bool, warnings: bool
) -> tuple[Prediction, TypedRows]:
    model = entry.model
    check(entry, probabilities=probabilities)
    typed = rows.to_typed(model.reader)
    values, chances = run(model, typed, probabilities=probabilities)
    made = Prediction(
        release=entry.release,
        predictions=plain(values),
        classes=model.version.signature["classes"] if probabilities else None,
        probabilities=plain(chances) if probabilities else None,
        warnings=model.input_warnings.details(typed) if warnings else None,
    )
    return made, typed


def check(entry: CacheEntry, *, probabilities: bool) -> None:
    """Raise ValidationError when this model cannot predict, or gives no probabilities."""
    version = entry.model.version
    if not version.signature["can_predict"]:
        raise ValidationError(
            f"{version.algorithm} cannot assign new rows to its clusters. Train a clusterer that can, such as KMeans.",
            code="cannot_predict",
        )
    if probabilities and not version.signature["probabilities"]:
        raise ValidationError(f"{version.algorithm} gives no probabilities.", code="no_probabilities")


def run(
    model: Model, typed: TypedRows, *, probabilities: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """The engine's outputs. Raises ValidationError if it rejects a number; its own message may quote data."""
    try:
        return model.engine.predict(typed, probabilities=probabilities)
    except ValueError as error:
        sentence = (
            f"{model.version.algorithm} cannot predict these rows: a number in them is too far from those "
            "that it was trained on."
        )
        raise ValidationError({"input_data": ValidationError(sentence, code="invalid_input")}) from error


def plain(values: np.ndarray) -> list:
    """An array as JSON values; what is no finite number is null."""
    listed = values.tolist()
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return listed
    if values.ndim == 1:
        return [value if np.isfinite(value) else None for value in listed]
    return [plain(row) for row in values]
