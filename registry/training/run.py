"""Run a training job: read, split, fit, evaluate, verify and save the artifact, then register the model version."""

from collections.abc import Callable

import pandas

from catalog import files
from catalog.models import DatasetVersion
from mlplatform import storage
from mlplatform.errors import TrainingFailed
from registry import artifacts, verification
from registry.models import ModelVersion, TrainingJob
from registry.training import pipelines, preparation, signature
from registry.training.registration import FittedModel, register
from registry.training.request import TrainingRequest


def train(
    job: TrainingJob, *, progress: Callable[[str, float | None], None], retry_s: float = 0
) -> ModelVersion:
    """Run the training that the job requests, and register its model version and dev release, exactly once.

    Raises ValidationError with a reason that the user can act on. While the model is saved, an unavailable database
    or object store is retried for `retry_s` seconds.
    """
    source = job.dataset_version
    if source is None:
        raise TrainingFailed("The dataset was deleted before the training began.", code="dataset_deleted")
    model = fit(source, request=TrainingRequest.from_dict(job.request), progress=progress)
    with model.artifact.file:
        return register(job, model, retry_s=retry_s)


def fit(
    source: DatasetVersion, *, request: TrainingRequest, progress: Callable[[str, float | None], None]
) -> FittedModel:
    """Read the columns of the request, fit and evaluate its pipeline, verify it and write its artifact."""
    progress("loading", None)
    storage.require_temporary_space(source.size_bytes)  # for a copy from S3, or a decompressed one
    columns = request.columns
    frame = files.read_frame(source, columns=columns)
    result = pipelines.fit(
        frame,
        columns=[column for column in signature.columns_of(source.recipe) if column["name"] in set(columns)],
        request=request,
        measured_on=_read_other_version(source, request),
        progress=progress,
    )
    result.preparation += preparation.describe_left_out(request.prepare, profile=source.profile)
    progress("saving", None)
    save_verification = verification.verify_fit(result)
    return FittedModel(request, result, save_verification, artifacts.dump(result.pipeline))


def _read_other_version(source: DatasetVersion, request: TrainingRequest) -> pandas.DataFrame | None:
    """The rows of the dataset version to measure on, if the request names one."""
    number = request.split.get("dataset_version")
    if number is None:
        return None
    other = source.dataset.version(number)
    storage.require_temporary_space(other.size_bytes)
    return files.read_frame(other, columns=request.columns)
