"""Register a fitted model: reserve the version number, save the artifact, write the version and its dev release."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from catalog.models import Dataset
from mlplatform import storage
from mlplatform.errors import Conflict
from mlplatform.jobs import leases
from mlplatform.jobs.models import JobState
from mlplatform.jobs.retries import database_may_be_unavailable, with_retries
from mlplatform.resilience import cache_invalidation
from registry import artifacts, verification
from registry.estimators.frameworks import extras
from registry.models import (
    Diagnostics,
    MetricValue,
    MirroredVersion,
    ModelVersion,
    Release,
    Stage,
    TrainingJob,
    Trial,
    VersionCounter,
)
from registry.releases import history
from registry.releases.promotion import artifact_key
from registry.training import pipelines
from registry.training.request import TrainingRequest


@dataclass(frozen=True)
class FittedModel:
    """A verified pipeline that is not registered yet, with its artifact and the result of its verification."""

    request: TrainingRequest
    result: pipelines.FitResult
    verified: dict | None
    artifact: artifacts.Artifact


def register(
    job: TrainingJob,
    model: FittedModel,
    *,
    trial: Trial | None = None,
    is_last: bool = True,
    retry_s: float = 0,
) -> ModelVersion:
    """Save a fitted model as the next version of the job's dataset, live in dev, and finish the job.

    The job of a group registers several `trial`s if all are kept, and is finished by the last, which is the best.
    Raises Conflict if the job is no longer this attempt's, and NotFound if its dataset was deleted.
    """
    version = _described(job, model, trial=trial)
    version.job = job if is_last else None

    def save_records(version: ModelVersion) -> None:
        verification.save(model.verified, version)
        _save_diagnostics(version, model.result)
        if trial:
            Trial.objects.filter(pk=trial.pk).update(model_version=version)
        end = partial(leases.finish, job, JobState.SUCCEEDED, stage="", progress=1, error="")
        if not (end() if is_last else leases.renew(job)):
            raise Conflict("Another attempt of this job has taken over.", code="superseded")

    # Of an earlier try, whose connection broke before it saw the commit.
    registered = ModelVersion.objects.filter(Q(job=job) if is_last else Q(trial=trial))
    return save(version, registered, file=model.artifact.file, save_records=save_records, retry_s=retry_s)


def _described(job: TrainingJob, model: FittedModel, *, trial: Trial | None) -> ModelVersion:
    """What is known of a fitted model before it has a number."""
    source, request, result, artifact = job.dataset_version, model.request, model.result, model.artifact
    return ModelVersion(
        dataset=source.dataset,
        dataset_version=source,
        reached=Stage.DEV,
        algorithm=request.algorithm.name,
        module=request.algorithm.module,
        task=request.algorithm.task,
        description=request.description,
        target=request.target,
        features=request.features,
        parameters=result.parameters,
        signature=result.signature,
        preparation=result.preparation,
        decision=result.decision,
        metrics=result.metrics,
        primary_metric=pipelines.primary_metric(request, result.metrics),
        warnings=list(dict.fromkeys([*_preflight_warnings(job), *result.warnings])),
        test_size=request.test_size if request.uses_test_size else None,
        split=request.split,
        sample_weight=request.sample_weight,
        refit=request.refit,
        measured=result.measured,
        trained=result.trained,
        random_state=request.random_state,
        iterations=result.iterations,
        retrained_from=job.retrained_from,
        rows_train=result.rows_train,
        rows_test=result.rows_test,
        training_s=trial.duration_s if trial else (timezone.now() - job.started_at).total_seconds(),
        artifact_size=artifact.size,
        artifact_sha256=artifact.sha256,
        libraries=artifacts.libraries(extras.used_by(request.module, request.params)),
        trained_by=job.requested_by,
    )


def _save_diagnostics(version: ModelVersion, result: pipelines.FitResult) -> None:
    if sections := result.diagnostics:
        Diagnostics.objects.record(version, sections=sections, duration_s=result.diagnostics_s)


def _preflight_warnings(job: TrainingJob) -> list[str]:
    """The sentences of the preflight warnings, except that a training says itself which rows it excluded."""
    return [warning["detail"] for warning in job.warnings if not warning["code"].startswith("missing_")]


def save(
    version: ModelVersion,
    registered: QuerySet,
    *,
    file: IO[bytes],
    save_records: Callable[[ModelVersion], None],
    kind: str = Release.Kind.TRAINING,
    retry_s: float = 0,
) -> ModelVersion:
    """Reserve a number, upload the artifact, then register the version in one transaction with `save_records`.

    `registered` finds the version of an earlier try. `kind` is that of its release in dev.

    The numbers of a dataset are consecutive as long as trainings end in order: a failure gives its number back if it
    is still the last. A process that is killed between the reservation and the registration leaves a gap.
    """
    version.number = with_retries(partial(reserve_number, version.dataset), for_s=retry_s)
    version.artifact_hmac = artifacts.sign(version)
    register = partial(_register, version, registered, file=file, save_records=save_records, kind=kind)
    try:
        return with_retries(register, for_s=retry_s)
    except BaseException:
        with database_may_be_unavailable():
            return_number(version.dataset, version.number)
        raise


def reserve_number(dataset: Dataset) -> int:
    """The next version number of a dataset. Simultaneous trainings get different numbers."""
    with transaction.atomic():
        VersionCounter.objects.get_or_create(dataset=dataset)
        VersionCounter.objects.filter(dataset=dataset).update(last=F("last") + 1)
        return VersionCounter.objects.get(dataset=dataset).last  # the update has locked the row


def return_number(dataset: Dataset, number: int) -> None:
    """Make a reserved number available again, if no version has it and it is still the last."""
    if not ModelVersion.objects.filter(dataset=dataset, number=number).exists():
        VersionCounter.objects.filter(dataset=dataset, last=number).update(last=number - 1)


def _register(
    version: ModelVersion,
    registered: QuerySet,
    *,
    file: IO[bytes],
    save_records: Callable[[ModelVersion], None],
    kind: str,
) -> ModelVersion:
    """Upload the artifact, then write the version, its dev release and its other records."""
    if existing := registered.all().first():
        return existing
    key = artifact_key(version.dataset.name, Stage.DEV, version.number)
    storage.save(storage.models(), key, file)

    try:
        with history.in_turn(version.dataset):
            version.pk = None
            version.trained_at = timezone.now()
            version.save(force_insert=True)
            MetricValue.objects.record(version)
            MirroredVersion.objects.enqueue([version])
            save_records(version)
            history.open_release(version, stage=Stage.DEV, kind=kind, key=key, by=version.trained_by)
    except ValidationError:
        storage.discard(storage.models(), key)
        raise
    cache_invalidation.releases.announce()
    return version
