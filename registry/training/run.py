"""Run a training job: read, split, fit, evaluate, verify and save the artifact, then register the model version."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas
from django.core.exceptions import ValidationError

from catalog import files
from catalog.models import DatasetVersion
from mlplatform import storage
from mlplatform.errors import TrainingFailed
from registry import artifacts, verification
from registry.diagnostics.held_out import HeldOut
from registry.models import ModelVersion, TrainingJob
from registry.training import pipelines, preparation, signature
from registry.training.out_of_core import fit as out_of_core
from registry.training.registration import FittedModel, register
from registry.training.request import TrainingRequest
from registry.training.splits import Split


def train(
    job: TrainingJob,
    *,
    progress: Callable[[str, float | None], None],
    retry_s: float = 0,
    fit: Callable[..., FittedModel],
) -> ModelVersion:
    """Run the training that the job requests, and register its model version and dev release, exactly once.

    Raises ValidationError with a reason that the user can act on. While the model is saved, an unavailable database
    or object store is retried for `retry_s` seconds. `fit` is the function of this module.
    """
    request = TrainingRequest.from_dict(job.request)
    fit = out_of_core.fit if request.in_passes else fit
    model = fit(source_of(job), request=request, progress=progress)
    with model.artifact.file:
        return register(job, model, retry_s=retry_s)


def source_of(job: TrainingJob) -> DatasetVersion:
    """The dataset version of a job. Raises TrainingFailed if it was deleted."""
    if job.dataset_version is None:
        raise TrainingFailed("The dataset was deleted before the training began.", code="dataset_deleted")
    return job.dataset_version


def fit(
    source: DatasetVersion,
    *,
    request: TrainingRequest,
    progress: Callable[[str, float | None], None],
    with_diagnostics: bool = True,
) -> FittedModel:
    """Read the columns of the request, fit and evaluate its pipeline, verify it and write its artifact."""
    progress("loading", None)
    table = read(source, request=request)
    return fit_table(
        table, request=request, progress=progress, with_diagnostics=with_diagnostics, is_last=True
    )


@dataclass
class Table:
    """The columns of a request, with their descriptions and profile, and the rows of another version to measure on."""

    frame: pandas.DataFrame | None
    columns: list[dict]
    measured_on: pandas.DataFrame | None
    profile: list[dict]

    def taken(self) -> pandas.DataFrame:
        """The rows, which are not kept here: a fit has copied those that it needs before it takes most memory."""
        frame, self.frame = self.frame, None
        return frame


def read(source: DatasetVersion, *, request: TrainingRequest) -> Table:
    storage.require_temporary_space(source.size_bytes)  # for a copy from S3, or a decompressed one
    names = set(request.columns)
    return Table(
        frame=files.read_frame(source, columns=request.columns),
        columns=[column for column in signature.columns_of(source.recipe) if column["name"] in names],
        measured_on=_read_other_version(source, request),
        profile=source.profile,
    )


def fit_table(
    table: Table,
    *,
    request: TrainingRequest,
    progress: Callable[[str, float | None], None],
    with_diagnostics: bool = True,
    is_last: bool = False,
    until: float = math.inf,
) -> FittedModel:
    """Fit and evaluate the pipeline of a request on its table, verify it and write its artifact.

    The table is not kept if this is the last fit on it. The diagnostics end at the instant `until`.
    """
    result = pipelines.fit(
        table.taken() if is_last else table.frame,
        columns=table.columns,
        request=request,
        measured_on=table.measured_on,
        progress=progress,
        with_diagnostics=with_diagnostics,
        until=until,
    )
    result.preparation += preparation.describe_left_out(request.prepare, profile=table.profile)
    progress("saving", None)
    verified = verification.verify_fit(result)
    return FittedModel(request, result, verified, artifacts.dump(result.pipeline))


def request_of(version: ModelVersion) -> TrainingRequest:
    """The request of a version's training, whose split can be repeated. Raises ValidationError (split_unknown)."""
    request = version.training_request
    if version.is_imported:
        reason = "it was imported"
    elif request is None:
        reason = "its training job was deleted"
    elif version.random_state is None and version.split["method"] in ("random", "group"):
        reason = "they were drawn without a random state"
    else:
        return TrainingRequest.from_dict(request)
    raise ValidationError(
        f"The held-out rows of version {version.number} are not known, because {reason}.",
        code="split_unknown",
    )


def repeated_split(version: ModelVersion, request: TrainingRequest, table: Table) -> tuple[list[dict], Split]:
    """The inputs and the rows of a version's training again. Raises ValidationError (split_unknown) if they differ."""
    inputs, _, split = pipelines.split_rows(table.frame, table.columns, request, table.measured_on, [])
    if split.y_test is not None and len(split.test) != version.rows_test:
        raise ValidationError(
            f"The split of version {version.number} cannot be repeated: it has {len(split.test):,} test rows now, and "
            f"had {version.rows_test:,}.",
            code="split_unknown",
        )
    return inputs, split


def held_out(version: ModelVersion, pipeline) -> HeldOut:
    """The held-out rows of a registered version's training, of which `pipeline` is the artifact; of a clusterer all.

    Raises ValidationError: split_unknown, and refit if the artifact was fitted on these rows too.
    """
    check_held_out(version)
    request = request_of(version)
    if request.in_passes:
        split = out_of_core.repeated_split(version, request)
    else:
        _, split = repeated_split(version, request, read(version.dataset_version, request=request))
    return HeldOut.sampled(
        pipeline,
        split.test,
        split.y_test,
        task=version.task,
        inputs=version.signature["inputs"],
        primary_metric=version.primary_metric,
        first_row=split.first_test_row,
        train=split.train,
    )


def check_held_out(version: ModelVersion) -> None:
    """Raise what held_out() raises before it reads anything."""
    if version.refit:
        raise ValidationError(
            f"Version {version.number} was fitted again on all rows after it was measured, so no rows are held out "
            "from it any more. Diagnostics of such a version are computed while it trains only.",
            code="refit",
        )
    request_of(version)


def _read_other_version(source: DatasetVersion, request: TrainingRequest) -> pandas.DataFrame | None:
    """The rows of the dataset version to measure on, if the request names one."""
    number = request.split.get("dataset_version")
    if number is None:
        return None
    other = source.dataset.version(number)
    storage.require_temporary_space(other.size_bytes)
    return files.read_frame(other, columns=request.columns)
