"""What is live and how it does, and what is running: the upper part of home."""

from dataclasses import dataclass

from django.urls import reverse

from catalog.models import ImportJob
from mlplatform.jobs.models import Job, JobQuerySet
from registry.models import Evaluation, Release, Stage, TrainingJob
from registry.releases import usage
from registry.releases.usage import Totals
from serving.models import ScoringJob

MAX_RELEASES = 8
MAX_JOBS = 6


@dataclass(frozen=True)
class LiveRow:
    release: Release
    usage: Totals  # of its stage in the last 24 hours


@dataclass(frozen=True)
class JobRow:
    job: Job
    name: str
    about: str
    url: str


def releases() -> list[LiveRow]:
    """The newest live releases in production, then those in staging, with their usage."""
    live = Release.objects.for_list().live().exclude(stage=Stage.DEV).order_by("stage", "-started_at")
    live = list(live[:MAX_RELEASES])
    totals = usage.of_stages(release.dataset_id for release in live)
    return [LiveRow(one, totals.get((one.dataset_id, one.stage), Totals())) for one in live]


def kinds_of_jobs() -> list[JobQuerySet]:
    """The jobs of each kind, the newest first, with what row() and home need: wider rows take Django 4 ms a query."""
    own = ("state", "error", "requested_at", "finished_at", "requested_by__username")
    version = ("model_version__number", "model_version__dataset__name")
    return [
        TrainingJob.objects.for_list(),
        Evaluation.objects.select_related("model_version__dataset", "requested_by").only(
            "dataset_name", "number", *version, *own
        ),
        ScoringJob.objects.select_related("requested_by").only("dataset_name", "version", "filename", *own),
        ImportJob.objects.select_related("requested_by").only("filename", *own),
    ]


def jobs() -> list[JobRow]:
    """What is queued or running, of any kind; then the latest trainings, if there is room."""
    unfinished = [job for kind in kinds_of_jobs() for job in kind.unfinished()[:MAX_JOBS]]
    unfinished.sort(key=lambda job: job.requested_at, reverse=True)
    recent = TrainingJob.objects.for_list().finished()[:MAX_JOBS]
    return [row(job) for job in [*unfinished, *recent][:MAX_JOBS]]


def running_count() -> int:
    return sum(kind.objects.unfinished().count() for kind in (TrainingJob, Evaluation, ScoringJob, ImportJob))


def row(job: Job) -> JobRow:
    """A job of any kind by its name for people."""
    if isinstance(job, TrainingJob):
        about = f"{job.algorithm_label} on {job.dataset_name}"
        return JobRow(job, f"Job {job.pk}", about, reverse("registry:job", args=[job.pk]))
    if isinstance(job, ScoringJob):
        about = f"{job.filename} by {job.dataset_name} version {job.version}"
        return JobRow(job, f"Scoring job {job.pk}", about, reverse("serving:job", args=[job.pk]))
    if isinstance(job, ImportJob):
        return JobRow(job, f"Import job {job.pk}", job.filename, reverse("catalog:import", args=[job.pk]))
    version = job.model_version
    page = reverse("registry:model", args=[version.dataset.name, version.number])
    about = f"{version.dataset.name} version {version.number} on {job.dataset_name} version {job.number}"
    return JobRow(job, f"Evaluation {job.pk}", about, page)
