"""Formatting of numbers, sizes, times, stages and states on pages."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from catalog import display
from mlplatform.templatetags import ui
from registry.estimators.form_fields import SearchSelect, parse, shown
from registry.models import JobState, Stage
from registry.templatetags import registry_ui
from serving.templatetags.serving_ui import answer

THIN = "\u202f"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234567, f"1{THIN}234{THIN}567"), (None, "–"), (float("nan"), "–")]
)
def test_numbers_are_grouped_by_thin_spaces(value, text):
    assert ui.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.96666, "0.9667"),
        (53.371, "53.37"),
        (310.04, "310.0"),
        (2934.4, f"2{THIN}934"),
        (0.000032, "3.2e-05"),
    ],
)
def test_metrics_have_four_significant_digits(value, text):
    assert ui.metric(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1 byte"), (812, "812 bytes"), (4300, "4.2 KB"), (125829120, "120 MB"), (None, "–")],
)
def test_file_sizes_use_the_largest_fitting_unit(value, text):
    assert ui.filesize_short(value) == text


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


def test_a_time_is_relative_with_the_exact_time_in_the_tooltip():
    text = ui.moment(timezone.now() - timedelta(minutes=5))
    assert ">5 minutes ago</time>" in text
    assert "UTC" in text


@pytest.mark.parametrize("stage", Stage.values)
def test_every_stage_has_a_badge_with_its_name(stage):
    assert stage in ui.stage_badge(stage)


@pytest.mark.parametrize("state", JobState.values)
def test_every_job_state_has_a_badge(state):
    assert 'class="badge' in ui.state_badge(state)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.84333, "5.843"),
        (3, "3"),
        (1234567.0, f"1{THIN}234{THIN}567"),
        ("2026-01-31", "2026-01-31"),
        (None, None),
    ],
)
def test_column_statistics_are_rounded(value, text):
    assert display.figure(value, digits=4) == text


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (None, None), (0.1, "0.1"), ("x" * 70, "x" * 59 + "…")]
)
def test_a_preview_cell_is_formatted_and_truncated(value, text):
    assert display.cell_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (0.1234567891, "0.12345679"), (3, "3"), ("a", "a")]
)
def test_an_answer_can_be_read(value, text):
    assert answer(value) == text


def test_a_parameter_is_written_as_it_may_be_typed():
    assert [shown(value) for value in (None, True, 0.5, "gini", [1, 2])] == [
        "none",
        "true",
        "0.5",
        "gini",
        "[1, 2]",
    ]


def test_what_is_typed_for_a_parameter_is_read_as_json(page, make_dataset):
    make_dataset()
    form = page.get("/registry/train/").context["form"]
    parameter = form.fields["param-max_features"].parameter
    assert [parse(text, parameter) for text in ("sqrt", "0.5", "3", "none", "words")] == [
        "sqrt",
        0.5,
        3,
        None,
        "words",
    ]


def test_a_searchable_list_escapes_what_it_lists():
    widget = SearchSelect()
    widget.choices = [("<g>", [('"<v>', "<l>")])]
    text = widget.render("name", '"<v>', attrs={"id": "x"})
    assert "<g>" not in text
    assert "<l>" not in text
    assert '<option value="&quot;&lt;v&gt;" selected>&lt;l&gt;</option>' in text


class Job:
    requested_at = timezone.now()
    started_at = finished_at = expected_s = None
    stage, progress, timings = "", 0.0, []


def test_a_job_that_has_not_started_took_nothing():
    assert registry_ui.took(Job()) is None
    assert registry_ui.waited(Job()) >= timedelta(0)


def test_the_steps_of_a_job_end_where_the_next_begins():
    job = Job()
    assert registry_ui.stage_times(job) == []
    instants = ["2026-01-31T12:00:00+00:00", "2026-01-31T12:00:02+00:00", "2026-01-31T12:00:05+00:00"]
    job.timings = [["loading", instants[0]], ["fitting", instants[1]]]
    job.finished_at = datetime.fromisoformat(instants[2])
    seconds = [took.total_seconds() for _, took in registry_ui.stage_times(job)]
    assert seconds == [2, 3]


def test_a_fit_of_unknown_length_has_no_percentage():
    job = Job()
    job.stage, job.progress = "fitting", 0.15
    assert registry_ui.percent_done(job) is None
    job.stage, job.progress = "evaluating", 0.8
    assert registry_ui.percent_done(job) == 80


def test_a_fit_of_known_length_says_what_is_left_and_never_all():
    job = Job()
    job.stage, job.started_at, job.expected_s = "fitting", timezone.now() - timedelta(seconds=30), 60
    assert registry_ui.percent_done(job) == 50
    assert "about 30 s left" in registry_ui.running_words(job)
    job.expected_s = 10
    assert registry_ui.percent_done(job) == 99
