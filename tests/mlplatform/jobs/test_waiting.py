import pytest

from mlplatform.errors import NotFound
from mlplatform.jobs import waiting
from mlplatform.jobs.models import JobState
from registry.models import TrainingJob


def test_waiting_returns_as_soon_as_the_job_has_finished(make_queued):
    assert waiting.until_finished(make_queued(state=JobState.FAILED), timeout_s=600).is_finished


def test_waiting_ends_with_its_timeout(make_running):
    assert not waiting.until_finished(make_running(), timeout_s=0.1).is_finished


def test_waiting_for_a_job_that_is_deleted_ends_with_a_404(make_running):
    job = make_running()
    TrainingJob.objects.filter(pk=job.pk).delete()
    with pytest.raises(NotFound, match="deleted") as refusal:
        waiting.until_finished(job, timeout_s=600)
    assert refusal.value.code == "deleted_meanwhile"
