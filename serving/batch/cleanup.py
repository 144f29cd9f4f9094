"""What scoring jobs leave behind, and who cares for those that lost their worker. Imports nothing large."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from mlplatform import storage
from mlplatform.jobs import leases
from serving.models import ScoringJob

QUEUE = "scoring"  # of its own, so that a table never waits behind a training of hours
FOLDER = "scoring-jobs"  # in the datasets bucket; no dataset can be called so


def tidy() -> int:
    """Try jobs again that lost their worker, and let go of bytes that nobody needs; how many jobs were reaped."""
    count = leases.reap(ScoringJob)
    for job in ScoringJob.objects.finished().exclude(input_key="").defer("recipe"):
        discard_input(job)
    old = timezone.now() - timedelta(days=settings.SCORING_KEEP_DAYS)
    for job in ScoringJob.objects.finished().filter(finished_at__lt=old).defer("recipe"):
        remove(job)
    return count


def discard_input(job: ScoringJob) -> None:
    """An ended job is never run again, so its file may go; that of a job for another attempt stays."""
    ended = ScoringJob.objects.finished().filter(pk=job.pk)
    if ended.exists():
        storage.discard(storage.datasets(), job.input_key)
        ended.update(input_key="")


def remove(job: ScoringJob) -> bool:
    """Delete an ended job, then its bytes; False when it has not ended, or is gone."""
    gone, _ = ScoringJob.objects.finished().filter(pk=job.pk).delete()
    if gone:
        for key in filter(None, (job.input_key, job.result_key)):
            storage.discard(storage.datasets(), key)
    return bool(gone)
