"""Submit, retry and cancel training jobs: what the train page and the API call."""

from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction

from catalog.models import DatasetVersion
from mlplatform.auth import permissions
from mlplatform.errors import Conflict
from mlplatform.jobs import leases
from registry.estimators import algorithms
from registry.jobs import limits
from registry.models import TrainingJob
from registry.preflight import dry_run
from registry.training import pipelines, validation

AUTOMATIC = "\0"  # the target was left out: choose it by the names. No column can be called so


@dataclass(frozen=True)
class TrainingRequest:
    """What a person or a program asks for."""

    module: str
    class_name: str
    params: dict = field(default_factory=dict)
    target: str | None = AUTOMATIC
    features: list[str] | None = None
    test_size: float = 0.2
    random_state: int | None = 42
    description: str = ""
    timeout_s: int | None = None


class NeedsConfirmation(ValidationError):
    """The training would work, and something about its columns is odd: `warnings` says what."""

    def __init__(self, warnings: list[dict]):
        super().__init__("Look at the warnings, then train anyway or change the request.", code="doubtful")
        self.warnings = warnings


def submit(
    dataset_version: DatasetVersion, *, request: TrainingRequest, by, accept_warnings: bool = True
) -> TrainingJob:
    """Check a request, try it on a sample of the rows, and queue it; `warnings` of the job are what was odd.

    The job and its place in the queue are written in one transaction: neither is without the other.
    Raises ValidationError with a sentence about the algorithm, a parameter, the target or a feature,
    NeedsConfirmation for warnings that are not accepted, and NotReady when the object store does not answer.
    """
    permissions.check(by, "train")
    algorithm = algorithms.get(request.module, request.class_name)
    params = algorithms.check_params(algorithm, request.params)
    target = _target(dataset_version, algorithm, request.target)
    validation.seed(request.random_state)
    timeout_s = limits.timeout_of(request.timeout_s)
    inputs = validation.inputs(dataset_version.columns, features=request.features, target=target)
    features = [column["name"] for column in inputs]
    warnings = dry_run.check(
        dataset_version,
        algorithm=algorithm,
        params=params,
        target=target,
        features=features,
        test_size=request.test_size,
        random_state=request.random_state,
    )
    if warnings and not accept_warnings:
        raise NeedsConfirmation(warnings)
    with transaction.atomic():
        job = TrainingJob.objects.create(
            dataset_name=dataset_version.dataset.name,
            dataset_version=dataset_version,
            requested_by=by,
            timeout_s=timeout_s,
            expected_s=limits.expected_seconds(algorithm.name, rows=dataset_version.row_count),
            warnings=warnings,
            request={
                "model": {"module": algorithm.module, "class": algorithm.name, "params": params},
                "target_column": target,
                "features": features,
                "test_size": request.test_size,
                "random_state": request.random_state,
                "description": request.description,
            },
        )
        leases.enqueue(job)
    return job


def retry(job: TrainingJob, *, by) -> TrainingJob:
    """Ask for the training of an ended job again, as a new job.

    Raises Conflict while it has not ended or when its dataset is gone, and what submit() raises.
    """
    if not job.is_finished:
        raise Conflict(f"Job {job.pk} has not ended yet.", code="job_not_ended")
    if job.dataset_version is None:
        raise Conflict(f"The dataset of job {job.pk} was deleted.", code="dataset_deleted")
    asked = job.request
    request = TrainingRequest(
        module=asked["model"]["module"],
        class_name=asked["model"]["class"],
        params=asked["model"]["params"],
        target=asked["target_column"],
        features=asked["features"],
        test_size=asked["test_size"],
        random_state=asked["random_state"],
        description=asked["description"],
        timeout_s=job.timeout_s,
    )
    return submit(job.dataset_version, request=request, by=by)


def _target(source: DatasetVersion, algorithm: algorithms.Algorithm, wanted: str | None) -> str | None:
    """The target that was asked for, or the one that the names suggest. A clusterer takes only a clear one."""
    if wanted != AUTOMATIC:
        return wanted
    chosen = pipelines.choose_target(source.columns)
    if algorithm.task == "clustering" and chosen.lower() not in pipelines.TARGET_NAMES:
        return None
    return chosen


def cancel(job: TrainingJob, *, by) -> TrainingJob:
    """End a queued job at once; ask the worker of a running one to kill it. Raises Conflict when it has ended."""
    permissions.check(by, "train")
    return leases.cancel(job, by=by)
