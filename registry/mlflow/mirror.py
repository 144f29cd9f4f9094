"""Each training as a run on an MLflow server, each version as a registered model, each stage as aliases there.

Rows of work say what is to do, so nothing is lost while the server is down, and no training waits for it. A step that
was done is not done again: what it made there is in the row, or found by its tag. It runs in the training worker.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import Error
from django.db.models import F
from django.utils import timezone

from catalog.models import Dataset
from mlplatform.jobs.worker import Loop
from registry.mlflow import model_files, run_content, stages
from registry.mlflow.tracking_client import MirrorError, TrackingClient
from registry.models import MirroredModel, MirroredVersion, ModelVersion, Release

logger = logging.getLogger(__name__)
LEASE = timedelta(minutes=15)  # of a row, in which no other worker takes it
MAX_PAUSE_S = 600
PROXIED = "mlflow-artifacts:"


class Mirror(Loop):
    """Mirrors what is due, one after the other."""

    job_class = MirroredVersion

    def __init__(self, client: TrackingClient):
        self.client = client

    def run_next(self) -> bool | None:
        """Mirror the next version, or the aliases of the next model that had a release.

        Returns whether that succeeded, and None if nothing is due.
        """
        if row := _claim(MirroredVersion.objects.due()):
            return _try(row, lambda: self._mirror_version(row))
        if row := _claim(MirroredModel.objects.due().select_related("dataset")):
            return _try(row, lambda: self._mirror_aliases(row))
        return None

    def _mirror_version(self, row: MirroredVersion) -> None:
        version = ModelVersion.objects.select_related("dataset", "dataset_version", "trained_by").get(
            pk=row.model_version_id
        )
        if not row.run_id:
            row.experiment_id = self._experiment(version.dataset)
            row.run_id = self._run(row.experiment_id, version)
            row.save(update_fields=["experiment_id", "run_id"])
        for fields in run_content.batches(version):
            self.client.post("runs/log-batch", run_id=row.run_id, **fields)
        self.client.post("runs/log-inputs", run_id=row.run_id, datasets=[run_content.dataset(version)])
        folder = self.client.get("runs/get", run_id=row.run_id)["run"]["info"]["artifact_uri"]
        if folder.startswith(PROXIED):
            self._upload(version, folder)
            row.number = row.number or self._register(row.run_id, version, f"{folder}/model")
        self.client.post(
            "runs/update", run_id=row.run_id, status="FINISHED", end_time=run_content.end(version)
        )
        row.finished_at = timezone.now()
        row.save(update_fields=["number", "finished_at"])
        MirroredModel.objects.update_or_create(dataset=version.dataset, defaults={"due_at": timezone.now()})

    def _experiment(self, dataset: Dataset) -> str:
        try:
            found = self.client.get("experiments/get-by-name", experiment_name=dataset.name)
            return found["experiment"]["experiment_id"]
        except MirrorError as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise
        return self.client.post("experiments/create", name=dataset.name)["experiment_id"]

    def _run(self, experiment: str, version: ModelVersion) -> str:
        """The run of a version: one that an interrupted try has created, or a new one."""
        tag = run_content.identity(version)
        text = f"tags.`{run_content.IDENTITY}` = '{tag}'"
        found = self.client.post("runs/search", experiment_ids=[experiment], filter=text, max_results=1)
        for run in found.get("runs", ()):
            return run["info"]["run_id"]
        created = self.client.post("runs/create", experiment_id=experiment, **run_content.run(version))
        return created["run"]["info"]["run_id"]

    def _upload(self, version: ModelVersion, folder: str) -> None:
        root = folder.removeprefix(PROXIED).lstrip("/")
        for file in model_files.files(version):
            self.client.upload(
                f"{root}/model/{file.name}", self._until_stopped(file.blocks()), size=file.size
            )

    def _until_stopped(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            if self.is_stopping:
                raise MirrorError("The worker stopped.")
            yield block

    def _register(self, run_id: str, version: ModelVersion, source: str) -> str:
        """The number of the version there: of one that an interrupted try has made, or a new one."""
        name = version.dataset.name
        found = self.client.get("model-versions/search", filter=f"run_id = '{run_id}'", max_results=1)
        for one in found.get("model_versions", ()):
            return str(one["version"])
        try:
            self.client.post("registered-models/create", name=name)
        except MirrorError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise
        fields = {"description": version.description, "tags": run_content.version_tags(version)}
        created = self.client.post("model-versions/create", name=name, source=source, run_id=run_id, **fields)
        return str(created["model_version"]["version"])

    def _mirror_aliases(self, row: MirroredModel) -> None:
        wanted, name = _aliases(row), row.dataset.name
        for alias, number in wanted.items():
            if row.aliases.get(alias) != number:
                self.client.post("registered-models/alias", name=name, alias=alias, version=number)
        for alias in row.aliases.keys() - wanted.keys():
            self.client.delete("registered-models/alias", name=name, alias=alias)
        row.aliases = wanted
        row.save(update_fields=["aliases"])


def client() -> TrackingClient:
    return TrackingClient(settings.MLFLOW_MIRROR_URI, token=settings.MLFLOW_MIRROR_TOKEN)


def run_address(version: ModelVersion) -> str:
    """The page of a version's run; empty before there is one, and without a server."""
    if not settings.MLFLOW_MIRROR_URI:
        return ""
    row = MirroredVersion.objects.filter(model_version=version).exclude(run_id="").first()
    if row is None:
        return ""
    return f"{client().base}/#/experiments/{row.experiment_id}/runs/{row.run_id}"


def enqueue_all() -> int:
    """Have all versions mirrored that are not; returns how many."""
    return MirroredVersion.objects.enqueue(
        ModelVersion.objects.filter(mirrored=None).only("pk").order_by("pk")
    )


def _aliases(row: MirroredModel) -> dict[str, str]:
    """The number there of what is live in each stage, by alias.

    As long as that version is not mirrored, an alias stays where it is.
    """
    live = Release.objects.live().filter(dataset=row.dataset_id)
    numbers = dict(live.values_list("stage", "model_version__mirrored__number"))
    there = {
        alias: numbers[stage] or row.aliases.get(alias)
        for alias, stage in stages.ALIASES.items()
        if stage in numbers
    }
    return {alias: number for alias, number in there.items() if number}


def _claim(rows):
    """The first row, if no other worker has taken it meanwhile; None otherwise."""
    row = rows.first()
    if row is None:
        return None
    lease = timezone.now() + LEASE
    taken = type(row).objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=lease, tries=F("tries") + 1)
    row.due_at = lease
    return row if taken else None


def _try(row, work) -> bool:
    """Do the work of a row; after a failure it is due again, after a pause that grows."""
    error, due_at = "", None
    try:
        work()
    except Error:  # of the database, which run_forever() logs
        raise
    except Exception as failure:  # a crash would stop the trainings of the worker
        error = failure.messages[0] if isinstance(failure, ValidationError) else str(failure) or repr(failure)
        error = error.encode(errors="replace").decode().replace("\0", "")  # can be the text of the server
        pause_s = min(2 ** min(row.tries + 1, 20), MAX_PAUSE_S)
        due_at = timezone.now() + timedelta(seconds=pause_s)
        is_expected = isinstance(failure, MirrorError | ValidationError)
        logger.warning("%s: %s Next try in %s s.", row, error, pause_s, exc_info=not is_expected)
    rows = type(row).objects.filter(pk=row.pk)
    rows.update(error=error, **({} if error else {"tries": 0}))
    if not rows.filter(due_at=row.due_at).update(due_at=due_at):
        # It was made due meanwhile, and another worker can have done it already, before what was done here.
        rows.make_due()
    return not error
