from mlplatform.jobs import waiting
from mlplatform.jobs.models import JobState


def test_waiting_returns_as_soon_as_the_job_has_finished(make_queued):
    assert waiting.until_finished(make_queued(state=JobState.FAILED), timeout_s=600).is_finished


def test_waiting_ends_with_its_timeout(make_running):
    assert not waiting.until_finished(make_running(), timeout_s=0.1).is_finished
