from datetime import timedelta

import pytest
from django.utils import timezone

from mlplatform.jobs.models import JobState
from registry.models import TrainingJob


@pytest.fixture
def make_queued(db):
    """A row of the queue; its training could not run, since it has no dataset."""

    def make(**fields):
        request = {"model": {"module": "tree", "class": "DecisionTreeClassifier", "params": {}}}
        return TrainingJob.objects.create(dataset_name="flowers", request=request, **fields)

    return make


@pytest.fixture
def make_running(make_queued):
    def make(*, expired=False, **fields):
        expiry = timezone.now() + timedelta(seconds=-1 if expired else 20)
        return make_queued(**({"state": JobState.RUNNING, "attempt": 1, "lease_expires_at": expiry} | fields))

    return make
