"""Run a training job: read, split, fit, evaluate, verify, save the artifact and register the model version."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from catalog import files
from catalog.models import Dataset, DatasetVersion
from catalog.readers import tables
from mlplatform import storage
from mlplatform.errors import Conflict, TrainingFailed
from mlplatform.jobs import leases
from mlplatform.jobs.models import JobState
from mlplatform.jobs.retries import database_may_be_unavailable, with_retries
from mlplatform.resilience import cache_invalidation
from registry import artifacts, verification
from registry.estimators import algorithms
from registry.models import ModelVersion, Release, Stage, TrainingJob, VersionCounter
from registry.promotion import artifact_key, open_release, with_release_retries
from registry.training import pipelines
from registry.training.request import TrainingRequest


@dataclass(frozen=True)
class FittedModel:
    """A verified pipeline that is not registered yet, with its artifact; `save_verification` writes the golden rows."""

    request: TrainingRequest
    result: pipelines.FitResult
    save_verification: Callable[[ModelVersion], None]
    artifact: artifacts.Artifact


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
    columns = [*request.features, *([request.target] if request.target else [])]
    with files.open_version(source) as file:
        frame = tables.read(file, tables.ParseRecipe.from_dict(source.recipe), columns=columns)
    result = pipelines.fit(
        frame,
        columns=[column for column in source.columns if column["name"] in set(columns)],
        features=request.features,
        target=request.target,
        algorithm=algorithms.get(request.module, request.class_name),
        params=request.params,
        test_size=request.test_size,
        random_state=request.random_state,
        progress=progress,
    )
    progress("saving", None)
    save_verification = verification.verify_fit(result)
    return FittedModel(
        request, result, save_verification, artifacts.dump(result.pipeline, dataset_id=source.dataset_id)
    )


def register(job: TrainingJob, model: FittedModel, *, retry_s: float = 0) -> ModelVersion:
    """Save a fitted model as the next version of the job's dataset, live in dev, and finish the job."""
    source, request, result, artifact = job.dataset_version, model.request, model.result, model.artifact
    algorithm = algorithms.get(request.module, request.class_name)
    version = ModelVersion(
        dataset=source.dataset,
        dataset_version=source,
        stage=Stage.DEV,
        job=job,
        algorithm=algorithm.name,
        module=algorithm.module,
        task=algorithm.task,
        description=request.description,
        target=request.target,
        features=request.features,
        parameters=result.parameters,
        signature=result.signature,
        metrics=result.metrics,
        warnings=[*(warning["detail"] for warning in job.warnings), *result.warnings],
        test_size=request.test_size,
        random_state=request.random_state,
        rows_train=result.rows_train,
        rows_test=result.rows_test,
        artifact_size=artifact.size,
        artifact_sha256=artifact.sha256,
        artifact_hmac=artifact.hmac,
        libraries=artifacts.libraries(),
        trained_by=job.requested_by,
    )
    return _save(version, file=artifact.file, save_verification=model.save_verification, retry_s=retry_s)


def _save(
    version: ModelVersion,
    *,
    file: IO[bytes],
    save_verification: Callable[[ModelVersion], None],
    retry_s: float,
) -> ModelVersion:
    """Reserve a number, upload the artifact, then register the version in one transaction.

    The numbers of a dataset are consecutive as long as trainings end in order: a failure gives its number back if it
    is still the last. A process that is killed between the reservation and the registration leaves a gap.
    """
    version.number = with_retries(partial(_reserve_number, version.dataset), for_s=retry_s)
    register = partial(_register, version, file=file, save_verification=save_verification)
    try:
        return with_retries(register, for_s=retry_s)
    except BaseException:
        with database_may_be_unavailable():
            _return_number(version.dataset, version.number)
        raise


def _reserve_number(dataset: Dataset) -> int:
    with transaction.atomic():
        VersionCounter.objects.get_or_create(dataset=dataset)
        VersionCounter.objects.filter(dataset=dataset).update(last=F("last") + 1)
        return VersionCounter.objects.get(dataset=dataset).last  # the update has locked the row


def _return_number(dataset: Dataset, number: int) -> None:
    if not ModelVersion.objects.filter(dataset=dataset, number=number).exists():
        VersionCounter.objects.filter(dataset=dataset, last=number).update(last=number - 1)


def _register(
    version: ModelVersion, *, file: IO[bytes], save_verification: Callable[[ModelVersion], None]
) -> ModelVersion:
    """Upload the artifact, then write the version, its dev release and the end of its job.

    Raises Conflict if the job is no longer this attempt's.
    """
    if registered := ModelVersion.objects.filter(job=version.job).first():
        return registered  # by an earlier try, whose connection broke before it saw the commit
    key = artifact_key(version.dataset.name, Stage.DEV, version.number)
    storage.save(storage.models(), key, file)

    def write() -> Release:
        # Trainings of one dataset register one after the other: each of them closes the release before.
        VersionCounter.objects.select_for_update().get(dataset=version.dataset)
        version.pk = None
        version.trained_at = timezone.now()
        version.save(force_insert=True)
        save_verification(version)
        if not leases.finish(version.job, JobState.SUCCEEDED, stage="", progress=1, error=""):
            raise Conflict("Another attempt of this job has taken over.", code="superseded")
        return open_release(
            version, stage=Stage.DEV, kind=Release.Kind.TRAINING, key=key, by=version.trained_by
        )

    try:
        with_release_retries(write)
    except Conflict:
        storage.discard(storage.models(), key)
        raise
    cache_invalidation.releases.announce()
    return version
