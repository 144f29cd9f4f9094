"""Fixtures of the tests of scoring jobs."""

import io
from datetime import timedelta

import pandas
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt
from serving.batch import attempt, cleanup, service
from serving.models import ScoringJob
from serving.prediction import predict

ROWS = [[5 + i % 5, 1.5, ["red", "blue", None, "violet"][i % 4]] for i in range(50)]
TABLE = pandas.DataFrame(ROWS, columns=["length", "width", "colour"]).to_csv(index=False)


@pytest.fixture
def version(make_version):
    return make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})


@pytest.fixture
def frame():
    return pandas.DataFrame(ROWS, columns=["length", "width", "colour"]).assign(note="07,5")


@pytest.fixture
def expected(version, admin):
    """The predictions of `frame`, and of the rows of TABLE."""
    return predict("flowers", stage="dev", rows=ROWS, by=admin, probabilities=True)


@pytest.fixture
def ask(version, admin):
    def make(content=TABLE, *, filename="New Rows.csv", by=None, **fields):
        file = io.BytesIO(content.encode() if isinstance(content, str) else content)
        options = {"stage": "dev", "by": by or admin, "as_job": True} | fields
        job = service.score("flowers", file=file, filename=filename, **options)
        job.refresh_from_db()
        return job

    return make


@pytest.fixture
def queued(ask, settings):
    """A job that no scorer has claimed yet."""

    def make(*args, **fields):
        settings.JOB_QUEUED_HOOK = ""
        return ask(*args, **fields)

    return make


@pytest.fixture
def running(queued):
    def make(*, expired=False, **fields):
        job = queued()
        claimed = leases.claim(ScoringJob, worker="here:1")
        expiry = {"lease_expires_at": timezone.now() - timedelta(seconds=1)} if expired else {}
        ScoringJob.objects.filter(pk=job.pk).update(**expiry, **fields)
        return claimed

    return make


@pytest.fixture
def send(api, version):
    def post(content=TABLE, name="New Rows.csv", headers=None, **fields):
        file = SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)
        body = {"dataset_name": "flowers", "environment": "dev", "file": file} | fields
        return api.post("/predict/file", body, format="multipart", headers=headers or {})

    return post


def attempt_of(job: ScoringJob, kind: type[Attempt] = Attempt, **options) -> None:
    """Run the queued job in this process."""
    claimed = leases.claim(ScoringJob, worker="here:1")
    assert claimed.pk == job.pk
    attempt.run(kind(claimed, **options), retry_s=0)


def now_of(job: ScoringJob) -> ScoringJob:
    return ScoringJob.objects.get(pk=job.pk)


def content_of(response) -> bytes:
    assert response.status_code == 200, response
    return b"".join(response.streaming_content)


def stored() -> list[str]:
    folder = settings.DATA_DIR / settings.DATASETS_BUCKET / cleanup.FOLDER
    return [path.name for path in folder.rglob("*.*") if path.is_file()]


@pytest.fixture(autouse=True)
def _nothing_stored():
    """Remove what earlier tests stored, those of other folders too."""
    folder = settings.DATA_DIR / settings.DATASETS_BUCKET / cleanup.FOLDER
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


def failing(work):
    with pytest.raises(ValidationError) as refusal:
        work()
    return refusal.value
