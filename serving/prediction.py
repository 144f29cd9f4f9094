"""Predict with the live model of a dataset and stage: the operation, whatever the transport."""

import math
from dataclasses import dataclass

import numpy as np
from django.core.exceptions import ValidationError

from catalog.models import Dataset
from mlplatform import access
from mlplatform.errors import NotFound
from registry.models import Release, Stage
from serving import frames, resident


@dataclass(frozen=True)
class Prediction:
    """One prediction a row, exactly what the fitted pipeline gives, as JSON values of the target's type."""

    release: Release
    predictions: list
    classes: list | None = None
    probabilities: list[list[float]] | None = None


def live_release(dataset: Dataset, *, stage: str, version: int | None = None) -> Release:
    """What answers for a dataset and stage: the live release, or the newest one of a given version there.

    Raises ValidationError for an unknown stage, NotFound when nothing is or was released there.
    """
    if stage not in Stage.values:
        raise ValidationError(
            f"There is no stage `{stage[:50]}`: it is dev, staging or production.", code="unknown_stage"
        )
    releases = Release.objects.with_versions().filter(dataset=dataset, stage=stage)
    if version is None:
        release = releases.live().first()
        sentence = f"No version of `{dataset.name}` is live in {stage}. Promote one first."
    else:
        release = releases.filter(model_version__number=version).first()
        sentence = f"Version {version} of `{dataset.name}` was never live in {stage}."
    if release is None:
        raise NotFound(sentence, code="no_live_model")
    return release


def predict(
    dataset: Dataset, *, stage: str, rows: list, by, version: int | None = None, probabilities: bool = False
) -> Prediction:
    """Predict rows with the live model of a stage.

    `rows` are lists in the signature's order or objects by column name. Raises ValidationError listing rows
    and columns that do not fit the signature, or when the model cannot do what is asked.
    """
    access.check(by, "predict")
    release = live_release(dataset, stage=stage, version=version)
    model = release.model_version
    signature = model.signature
    if not signature["can_predict"]:
        raise ValidationError(
            f"{model.algorithm} cannot assign new rows to its clusters. Train a clusterer that can, such as KMeans.",
            code="cannot_predict",
        )
    if probabilities and not signature["probabilities"]:
        raise ValidationError(f"{model.algorithm} gives no probabilities.", code="no_probabilities")
    frame = frames.Reader(signature["inputs"]).from_rows(rows).frame()
    pipeline = resident.pipeline_of(release)
    predictions = np.ravel(pipeline.predict(frame)).tolist()
    return Prediction(
        release=release,
        predictions=[_plain(value) for value in predictions],
        classes=signature["classes"] if probabilities else None,
        probabilities=_finite_rows(pipeline.predict_proba(frame)) if probabilities else None,
    )


def _plain(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite_rows(table: np.ndarray) -> list[list[float | None]]:
    return [[_plain(value) for value in row] for row in table.tolist()]
