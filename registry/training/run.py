"""Run a training job: read, split, fit, evaluate, verify, save the artifact and register the model version."""

import io
from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import files
from catalog.readers import tables
from mlplatform import storage
from mlplatform.errors import Conflict, TrainingFailed
from mlplatform.jobs import leases
from mlplatform.resilience import cache_invalidation
from registry import artifacts, verification
from registry.estimators import algorithms
from registry.models import JobState, ModelVersion, Release, Stage, TrainingJob, VersionCounter
from registry.promotion import artifact_key, open_release
from registry.training import pipelines

TRIES = 50  # for the version number: as many trainings of one dataset may end at the same moment


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
    with files.open_version(source) as file:
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
    save_verification = verification.verify_fit(result)
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
        lambda: _register(version, job=job, content=artifact.content, save_verification=save_verification),
        patience_s,
    )


def _register(
    version: ModelVersion,
    *,
    job: TrainingJob,
    content: bytes,
    save_verification: Callable[[ModelVersion], None],
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
                save_verification(version)
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
