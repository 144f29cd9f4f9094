"""Training: ask for it (page and API), and do it (worker)."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import upload
from catalog.models import DatasetVersion
from catalog.readers import tables
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import Conflict, TrainingFailed
from mlplatform.resilience import cache_invalidation
from registry import artifacts, checks, dry_run, jobs, leases, pipelines, proofs
from registry.estimators import algorithms
from registry.models import JobState, ModelVersion, Release, Stage, TrainingJob, VersionCounter
from registry.promotion import artifact_key, open_release

AUTOMATIC = "\0"  # the target was left out: choose it by the names. No column can be called so
TRIES = 50  # for the version number: as many trainings of one dataset may end at the same moment


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


class Doubtful(ValidationError):
    """The training would work, and something about its columns is odd: `warnings` says what."""

    def __init__(self, warnings: list[dict]):
        super().__init__("Look at the warnings, then train anyway or change the request.", code="doubtful")
        self.warnings = warnings


def request_training(
    dataset_version: DatasetVersion, *, request: TrainingRequest, by, accept_warnings: bool = True
) -> TrainingJob:
    """Check a request, try it on a sample of the rows, and queue it; `warnings` of the job are what was odd.

    The job and its place in the queue are written in one transaction: neither is without the other.
    Raises ValidationError with a sentence about the algorithm, a parameter, the target or a feature,
    Doubtful for warnings that are not accepted, and NotReady when the object store does not answer.
    """
    permissions.check(by, "train")
    algorithm = algorithms.get(request.module, request.class_name)
    params = algorithms.check_params(algorithm, request.params)
    target = _target(dataset_version, algorithm, request.target)
    checks.seed(request.random_state)
    timeout_s = jobs.timeout_of(request.timeout_s)
    inputs = checks.inputs(dataset_version.columns, features=request.features, target=target)
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
        raise Doubtful(warnings)
    with transaction.atomic():
        job = TrainingJob.objects.create(
            dataset_name=dataset_version.dataset.name,
            dataset_version=dataset_version,
            requested_by=by,
            timeout_s=timeout_s,
            expected_s=jobs.expected_seconds(algorithm.name, rows=dataset_version.row_count),
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

    Raises Conflict while it has not ended or when its dataset is gone, and what request_training() raises.
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
    return request_training(job.dataset_version, request=request, by=by)


def _target(source: DatasetVersion, algorithm: algorithms.Algorithm, wanted: str | None) -> str | None:
    """The target that was asked for, or the one that the names suggest. A clusterer takes only a clear one."""
    if wanted != AUTOMATIC:
        return wanted
    chosen = pipelines.choose_target(source.columns)
    if algorithm.task == "clustering" and chosen.lower() not in pipelines.TARGET_NAMES:
        return None
    return chosen


def train(
    job: TrainingJob, *, progress: Callable[[str, float | None], None], patience_s: float = 0
) -> ModelVersion:
    """Do the training that a job asks for, and register its model version and dev release, exactly once.

    Raises ValidationError with the reason that a person can act on. Bytes first, then one transaction
    that also ends the job: a superseded attempt registers nothing. A database or an object store that is
    away while the model is saved is tried again for `patience_s` seconds.
    """
    source = job.dataset_version
    if source is None:
        raise TrainingFailed("The dataset was deleted before the training began.", code="dataset_deleted")
    request = job.request
    algorithm = algorithms.get(request["model"]["module"], request["model"]["class"])
    progress("loading", None)
    recipe = tables.ParseRecipe.from_dict(source.recipe)
    wanted = [*request["features"], *([request["target_column"]] if request["target_column"] else [])]
    with upload.open_version(source) as file:
        frame = tables.read(file, recipe, columns=wanted)
    result = pipelines.fit(
        frame,
        columns=[column for column in source.columns if column["name"] in set(wanted)],
        features=request["features"],
        target=request["target_column"],
        algorithm=algorithm,
        params=request["model"]["params"],
        test_size=request["test_size"],
        random_state=request["random_state"],
        progress=progress,
    )
    progress("saving", None)
    findings = proofs.prove(result)
    artifact = artifacts.dump(result.pipeline, dataset_id=source.dataset_id)
    version = ModelVersion(
        dataset=source.dataset,
        dataset_version=source,
        stage=Stage.DEV,
        job=job,
        algorithm=algorithm.name,
        module=algorithm.module,
        task=algorithm.task,
        description=request["description"],
        target=request["target_column"],
        features=request["features"],
        parameters=result.parameters,
        signature=result.signature,
        metrics=result.metrics,
        warnings=[*(warning["detail"] for warning in job.warnings), *result.warnings],
        test_size=request["test_size"],
        random_state=request["random_state"],
        rows_train=result.rows_train,
        rows_test=result.rows_test,
        artifact_size=len(artifact.content),
        artifact_sha256=artifact.sha256,
        artifact_hmac=artifact.hmac,
        libraries=artifacts.libraries(),
        trained_by=job.requested_by,
    )
    return leases.patiently(
        lambda: _register(version, job=job, content=artifact.content, findings=findings), patience_s
    )


def _register(
    version: ModelVersion, *, job: TrainingJob, content: bytes, findings: list[Callable[[ModelVersion], None]]
) -> ModelVersion:
    """Store the artifact under the next number and write the rows; again with the next one if it was taken."""
    if done := ModelVersion.objects.filter(job=job).first():
        return done  # written a moment ago, and the database went away before it could say so
    version.pk = None
    counter, _ = VersionCounter.objects.get_or_create(dataset=version.dataset)
    for _ in range(TRIES):
        counter.refresh_from_db()
        version.number = counter.last + 1
        key = artifact_key(version.dataset.name, Stage.DEV, version.number)
        storage.save(storage.models(), key, io.BytesIO(content))
        try:
            with transaction.atomic():
                _write(version, job=job, key=key)
                for write in findings:
                    write(version)
            cache_invalidation.announce(cache_invalidation.RELEASES)
            return version
        except IntegrityError:
            version.pk = None
            storage.discard(storage.models(), key)
        except Conflict:
            storage.discard(storage.models(), key)
            raise
    raise TrainingFailed("Too many trainings of this dataset ended at once. Train again.", code="busy")


def _write(version: ModelVersion, *, job: TrainingJob, key: str) -> None:
    counters = VersionCounter.objects.filter(dataset=version.dataset, last=version.number - 1)
    if not counters.update(last=version.number):
        raise IntegrityError("the number was taken meanwhile")
    version.trained_at = now = timezone.now()
    version.save(force_insert=True)
    open_release(version, stage=Stage.DEV, kind=Release.Kind.TRAINING, key=key, by=job.requested_by)
    ended = TrainingJob.objects.filter(pk=job.pk, attempt=job.attempt, state=JobState.RUNNING).update(
        state=JobState.SUCCEEDED, stage="", progress=1, error="", finished_at=now
    )
    if not ended:
        raise Conflict("Another attempt of this job has taken over.", code="superseded")
