"""Submit, retry and cancel training jobs, and retrain versions: the operations of the pages and the API."""

import contextlib
import dataclasses
from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog import files
from catalog.models import DatasetVersion
from mlplatform.auth import permissions
from mlplatform.errors import Conflict
from mlplatform.jobs import leases
from registry.estimators import algorithms, decision
from registry.evaluation import definitions
from registry.jobs import limits
from registry.models import ModelVersion, TrainingJob
from registry.preflight import dry_run_process, trial
from registry.training import preparation, split_methods, validation
from registry.training.columns import check_target, default_target, select_features
from registry.training.out_of_core import memory
from registry.training.request import AUTOMATIC, TrainingRequest


class NeedsConfirmation(ValidationError):
    """The training is possible, but the preflight checks raised `warnings` that the user has not accepted."""

    def __init__(self, warnings: list[dict]):
        super().__init__("Review the warnings, then train anyway or change the request.", code="doubtful")
        self.warnings = warnings


def submit(
    dataset_version: DatasetVersion,
    *,
    request: TrainingRequest,
    by,
    accept_warnings: bool = True,
    retrained_from: int | None = None,
) -> TrainingJob:
    """Validate a request, try it on a sample of the rows, and queue it with the warnings of that trial.

    `retrained_from` is the number of the version that the request repeats.

    Raises ValidationError with a sentence about the algorithm, a parameter, the target or a feature,
    NeedsConfirmation for warnings that are not accepted, and NotReady if the object store is unavailable.
    """
    permissions.check(by, "train")
    requested = request
    request = in_memory_or_passes(dataset_version, resolve(dataset_version, request=requested))
    warnings = dry_run_process.check(dataset_version, request=request)
    if warnings and not accept_warnings:
        raise NeedsConfirmation(warnings)
    warnings = [*identifiers_left_out(requested, request), *warnings]
    job = new_job(dataset_version, request=request, by=by, warnings=warnings)
    job.retrained_from = retrained_from
    return leases.enqueue(job)


def resolve(dataset_version: DatasetVersion, *, request: TrainingRequest) -> TrainingRequest:
    """Returns the request with its defaults filled in, such as the target and the features.

    Raises ValidationError with the sentences about each field of the request that has errors. What depends on an
    unknown algorithm or target is not checked.
    """
    errors = {}
    with collected(errors, "model"):
        algorithm = algorithms.get(request.module, request.class_name)
    if "model" in errors:
        target = None if request.target == AUTOMATIC else request.target
    else:
        with collected(errors, "model.params"):
            params = algorithms.check_params(algorithm, request.params)
        if algorithm.task != "clustering":
            with collected(errors, "test_size"):
                validation.check_test_size(request.test_size)
        target = _target(dataset_version, algorithm, request)
    with collected(errors, "target_column"):
        check_target(dataset_version.columns, target)
    with collected(errors, "features"):
        known = None if "target_column" in errors else target
        inputs = select_features(
            dataset_version.columns, features=request.features, target=known, reserved=request.reserved
        )
        with collected(errors, "prepare"):
            preparation.check(request.prepare, inputs)
            left_out = _left_out(dataset_version, request, inputs, known)
    if not errors:
        features = [column["name"] for column in inputs if column["name"] not in left_out]
        request = dataclasses.replace(
            request, target=target, features=features, prepare=request.prepare | left_out
        )
        with collected(errors, "split"):
            _check_split(dataset_version, request)
        _check_fits(dataset_version, request, errors)
    with collected(errors, "random_state"):
        validation.check_random_state(request.random_state)
    task = None if "model" in errors else algorithm.task
    with collected(errors, "threshold"):
        decision.check_threshold(request.threshold, task=task)
    with collected(errors, "calibration"):
        decision.check_calibration(request.calibration, task=task)
    with collected(errors, "primary_metric"):
        definitions.check_primary(request.primary_metric, task=task)
    with collected(errors, "timeout_s"):
        timeout_s = limits.timeout(request.timeout_s)
    if errors:
        raise ValidationError(errors)
    return dataclasses.replace(
        request,
        module=algorithm.module,
        class_name=algorithm.name,
        params=params,
        timeout_s=timeout_s,
        primary_metric=request.primary_metric or _primary_metric(dataset_version, target, task),
    )


def in_memory_or_passes(source: DatasetVersion, request: TrainingRequest) -> TrainingRequest:
    """A resolved request as its table can be trained on this machine.

    Raises ValidationError, by field, for what is not possible if the table does not fit in memory.
    """
    request = memory.choose(
        request,
        columns=source.columns,
        profile=source.profile,
        rows=source.row_count,
        limit_mb=settings.TRAIN_MEMORY_MB,
    )
    if request.in_passes:
        files.require_typed_copy(source)
    return request


def _left_out(
    source: DatasetVersion, request: TrainingRequest, inputs: list[dict], target: str | None
) -> dict[str, str]:
    """The columns to leave out, with this choice; identifiers only if the request does not name its features."""
    names = {column["name"] for column in source.columns} - {target}
    for name, prepare in request.prepare.items():
        if prepare == preparation.LEAVE_OUT and name not in names:
            raise preparation.not_a_feature(name)
    left_out = preparation.left_out(
        inputs, requested=request.prepare, profile=source.profile, is_chosen=request.features is not None
    )
    return dict.fromkeys(left_out, preparation.LEAVE_OUT)


def identifiers_left_out(requested: TrainingRequest, resolved: TrainingRequest) -> list[dict]:
    """The warning about columns that were left out without a request."""
    names = [name for name in resolved.prepare if name not in requested.prepare]
    if not names:
        return []
    were, them = ("was", "it") if len(names) == 1 else ("were", "them")
    detail = (
        f"{trial.subject(names)} {were} left out: almost every row has a different value, which does not help to "
        "predict new rows. "
        f"To use {them}, list {them} in the features, or choose how to prepare {them}."
    )
    return [trial.warning("identifier_left_out", "prepare", detail)]


@contextlib.contextmanager
def collected(errors: dict, field: str) -> Iterator[None]:
    """Add an error of the block to those of the field, to report the errors of all fields together."""
    try:
        yield
    except ValidationError as error:
        errors[field] = error


def new_job(
    dataset_version: DatasetVersion, *, request: TrainingRequest, by, warnings: list[dict]
) -> TrainingJob:
    """An unsaved job of a resolved request, with the warnings of its preflight checks."""
    return TrainingJob(
        dataset_name=dataset_version.dataset.name,
        dataset_version=dataset_version,
        requested_by=by,
        timeout_s=request.timeout_s,
        expected_s=limits.expected_seconds(
            request.class_name,
            rows=dataset_version.row_count,
            fits=request.fits,
            in_passes=request.in_passes,
        ),
        warnings=warnings,
        request=request.to_dict(),
    )


def retry(job: TrainingJob, *, by) -> TrainingJob:
    """Submit the request of a finished job again, as a new job.

    Raises Conflict if the job has not finished or its dataset was deleted, and the errors of submit().
    """
    source = repeatable(job)
    return submit(source, request=requested(job, job.request), by=by, retrained_from=job.retrained_from)


def repeatable(job: TrainingJob) -> DatasetVersion:
    """The dataset version of a job that can be run again. Raises Conflict if it has not finished, or lacks that."""
    if not job.is_finished:
        raise Conflict(f"Job {job.pk} has not finished yet.", code="job_not_ended")
    if job.dataset_version is None:
        raise Conflict(
            f"The dataset version of job {job.pk} was deleted. Upload it again, then train a new model.",
            code="dataset_deleted",
        )
    return job.dataset_version


def retrain(version: ModelVersion, *, by) -> TrainingJob:
    """Train again what a version was trained with: the same rows, columns, parameters and options, as a new version.

    Raises Conflict if its job or its dataset was deleted, and the errors of submit(), such as for a parameter that the
    installed library does not accept any more.
    """
    permissions.check(by, "train")
    if version.is_imported:
        raise Conflict(
            f"Version {version.number} was imported, so its training is not known here. Train a new model.",
            code="model_imported",
        )
    job, request = version.training_job, version.training_request
    if job is None or request is None:
        raise Conflict(
            f"The job that trained version {version.number} was deleted with its parameters. Train a new model.",
            code="job_deleted",
        )
    return submit(repeatable(job), request=requested(job, request), by=by, retrained_from=version.number)


def requested(job: TrainingJob, request: dict) -> TrainingRequest:
    """A request that a job has run, with the job's time limit."""
    return dataclasses.replace(TrainingRequest.from_dict(request), timeout_s=job.timeout_s)


def cancel(job: TrainingJob, *, by) -> TrainingJob:
    """Finish a queued job at once, and a running one within seconds. Raises Conflict if it has finished."""
    permissions.check(by, "train")
    return leases.cancel(job, by=by)


def _target(source: DatasetVersion, algorithm: algorithms.Algorithm, request: TrainingRequest) -> str | None:
    """The given target, or one chosen by the column names; for a clusterer only if a name is unambiguous."""
    if request.target != AUTOMATIC:
        return request.target
    columns = [column for column in source.columns if column["name"] not in request.row_columns]
    return default_target(columns or source.columns, task=algorithm.task)


def _check_fits(source: DatasetVersion, request: TrainingRequest, errors: dict) -> None:
    """The folds, the weights and the refit must be possible with this split and algorithm."""
    how = {"split": request.split, "task": request.task}
    try:
        validation.check_folds(request.cv, request.cv_repeats, **how)
    except ValidationError as error:
        errors[error.code] = error
    with collected(errors, "refit"):
        validation.check_refit(request.refit, **how)
    with collected(errors, "sample_weight"):
        validation.check_weight_column(
            request.sample_weight,
            columns=source.columns,
            target=request.target,
            algorithm=request.algorithm,
            is_wrapped=request.threshold is not None or request.calibration is not None,
        )


def _check_split(source: DatasetVersion, request: TrainingRequest) -> None:
    """The split must be possible for these columns, and a dataset version to measure on must have them. Code: split."""
    split_methods.check(request.split, columns=source.columns, target=request.target, task=request.task)
    number = request.split.get("dataset_version")
    if number is None:
        return
    if number == source.number:
        raise ValidationError(
            f"Dataset version {number} is the one to train on; measure on another, or split its rows.",
            code="split",
        )
    others = source.dataset.version(number).columns
    split_methods.check_other_version(number, columns=source.columns, others=others, needed=request.columns)


def _primary_metric(source: DatasetVersion, target: str | None, task: str) -> str:
    """The primary metric of the latest version of this dataset and target, or the default of the task."""
    earlier = ModelVersion.objects.filter(dataset=source.dataset_id, target=target, task=task)
    latest = earlier.order_by("-number").values_list("primary_metric", flat=True).first()
    return latest or definitions.DEFAULT_METRICS[task]
