"""Formatting of times, stages, states and sentences on pages."""

from datetime import timedelta

import pytest
from django.utils import timezone

from mlplatform.jobs.models import JobState
from mlplatform.templatetags import ui
from registry.models import Stage, TrainingJob


def test_backticks_in_a_sentence_become_code_and_markup_is_escaped():
    assert ui.code("No column `a` in `<b>`.") == "No column <code>a</code> in <code>&lt;b&gt;</code>."
    assert ui.code("one ` alone") == "one ` alone"
    assert ui.code("No column `abc…") == "No column <code>abc…</code>"


def test_a_time_is_relative_with_the_exact_time_in_the_tooltip():
    text = ui.time_ago(timezone.now() - timedelta(minutes=5))
    assert ">5 minutes ago</time>" in text
    assert "UTC" in text


@pytest.mark.parametrize(
    ("age_s", "pause_s"), [(3, 1), (30, 2), (300, 5), (3600, 10)], ids=["new", "short", "long", "very long"]
)
def test_a_job_is_polled_less_often_the_longer_it_takes(age_s, pause_s):
    requested_at = timezone.now() - timedelta(seconds=age_s)
    job = TrainingJob(state=JobState.QUEUED, requested_at=requested_at)
    finished = TrainingJob(state=JobState.SUCCEEDED, requested_at=timezone.now())
    assert ui.poll_seconds(job) == ui.poll_seconds([finished, job]) == pause_s
    assert ui.poll_seconds([finished]) is None


@pytest.mark.parametrize("stage", Stage.values)
def test_every_stage_has_a_badge_with_its_name(stage):
    assert stage in ui.stage_badge(stage)


@pytest.mark.parametrize("state", JobState.values)
def test_every_job_state_has_a_badge(state):
    assert 'class="badge' in ui.state_badge(state)
