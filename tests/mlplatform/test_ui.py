"""Formatting of numbers, sizes, times, stages and states on pages."""

from datetime import timedelta

import pytest
from django.utils import timezone

from mlplatform.jobs.models import JobState
from mlplatform.templatetags import ui
from registry.models import Stage, TrainingJob

THIN = "\u202f"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234567, "1,234,567"), (None, "–"), (float("nan"), "–")]
)
def test_numbers_are_grouped_by_thin_spaces(value, text):
    assert ui.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.96666, "0.9667"),
        (53.371, "53.37"),
        (310.04, "310.0"),
        (2934.4, "2,934"),
        (0.000032, "3.2e−05"),
        (-2934.4, "−2,934"),
    ],
)
def test_metrics_have_four_significant_digits(value, text):
    assert ui.metric(value) == text


def test_values_of_a_column_are_as_in_the_file_and_booleans_as_in_json():
    values = (1985, 1985.0, -0.5, True, False, "Yes", None)
    assert [ui.column_value(value) for value in values] == [
        *(1985, "1985", "-0.5", "true", "false", "Yes", None),
    ]


@pytest.mark.parametrize(("value", "text"), [(0.25, "+0.2500"), (-2934.4, "−2,934"), (0, "±0.0000")])
def test_differences_have_a_sign(value, text):
    assert ui.signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1 byte"), (812, "812 bytes"), (4300, "4.2 KB"), (125829120, "120 MB"), (None, "–")],
)
def test_file_sizes_use_the_largest_fitting_unit(value, text):
    assert ui.file_size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.44, "0.4 s"), (12, "12 s"), (200, "3 min 20 s"), (timedelta(hours=2, minutes=5), "2 h 5 min")],
)
def test_durations_have_at_most_two_units(value, text):
    assert ui.duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.967, "96.7"), (1, "100"), (0.99999, "> 99.9"), (0.00001, "< 0.1"), (0, "0")]
)
def test_a_percentage_is_0_or_100_only_if_exact(value, text):
    assert ui.percent(value) == f"{text}{THIN}%"


def test_backticks_in_a_sentence_become_code_and_markup_is_escaped():
    assert ui.code("No column `a` in `<b>`.") == "No column <code>a</code> in <code>&lt;b&gt;</code>."
    assert ui.code("one ` alone") == "one ` alone"
    assert ui.code("No column `abc…") == "No column <code>abc…</code>"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1990, 1990), (5.84333, "5.843"), (1234567.0, "1234567"), ("2026-01-31", "2026-01-31"), (None, None)],
)
def test_column_values_are_rounded_and_have_no_thousands_separators(value, text):
    assert ui.column_value(value, 4) == text


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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0000523, "52 µs"), (0.00314, "3.1 ms"), (0.9999, "1.0 s"), (12.3, "12 s"), (0, "0 µs"), (None, "–")],
)
def test_short_durations_have_two_digits(seconds, text):
    assert ui.short_duration(seconds) == text
