"""Which differences of two versions a release manager sees before one replaces the other."""

import pytest

from registry.comparison.differences import Replacement
from registry.models import ModelVersion
from registry.releases import signature_changes

COLUMNS = [{"name": "length", "type": "integer"}, {"name": "width", "type": "number"}]


def version(number: int = 1, **signature) -> ModelVersion:
    usual = {
        "inputs": COLUMNS,
        "target": {"name": "species", "type": "text"},
        "output": "class",
        "classes": ["rose", "tulip"],
        "probabilities": True,
    }
    return ModelVersion(number=number, signature=usual | signature)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"target": {"name": "colour", "type": "text"}},
            "Predicts a class of `colour` instead of a class of `species`.",
        ),
        (
            {"target": {"name": "width", "type": "number"}, "output": "number", "classes": None},
            "Predicts a number of `width` instead of a class of `species`.",
        ),
        (
            {"target": {"name": "species", "type": "integer"}},
            "The classes of `species` are integer instead of text.",
        ),
        ({"classes": ["rose"]}, "Never predicts the class `tulip`."),
        ({"classes": ["iris", "rose", "tulip", "violet"]}, "Can also predict the classes `iris`, `violet`."),
        ({"probabilities": False}, "Does not support probabilities."),
        ({"inputs": COLUMNS[:1]}, "Refuses requests with the column `width`."),
        (
            {"inputs": [*COLUMNS, {"name": "colour", "type": "text"}]},
            "Refuses requests without the column `colour`.",
        ),
        (
            {"inputs": [{"name": "length", "type": "text"}, COLUMNS[1]]},
            "`length` is text instead of integer.",
        ),
        ({"inputs": COLUMNS[::-1]}, "Expects the values of rows without column names in another order."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_of_the_signature_that_callers_notice_is_a_sentence(change, sentence):
    assert signature_changes.breaking(version(), version(2, **change)) == [sentence]


def test_the_same_signature_breaks_nothing_and_neither_does_a_column_that_accepts_fractions_now():
    wider = [COLUMNS[0] | {"type": "number"}, COLUMNS[1]]
    assert signature_changes.breaking(version(), version(2)) == []
    assert signature_changes.breaking(version(), version(2, inputs=wider)) == []


def measured(number: int, accuracy: float, interval: list[float] | None) -> ModelVersion:
    one = version(number)
    one.task, one.target = "classification", "species"
    one.metrics = {"accuracy": accuracy} | ({"intervals": {"accuracy": interval}} if interval else {})
    return one


@pytest.mark.parametrize(
    ("coming", "interval", "verdict"),
    [
        (0.95, [0.93, 0.97], "better"),
        (0.95, [0.85, 0.99], "no clear difference"),
        (0.60, [0.50, 0.70], "worse"),
        (0.95, None, "no clear difference"),
    ],
)
def test_a_metric_is_better_or_worse_only_beyond_both_intervals(coming, interval, verdict):
    live = measured(1, 0.8, [0.75, 0.9])
    (row,) = Replacement(measured(2, coming, interval), live).metrics
    assert (row.live, row.coming, row.verdict) == (0.8, coming, verdict)


def test_versions_of_another_target_have_their_own_metrics_side_by_side():
    other = measured(2, 0.9, [0.8, 1])
    other.target = "colour"
    (row,) = Replacement(other, measured(1, 0.1, [0, 0.2])).metrics
    assert (row.live, row.coming, row.verdict) == (0.1, 0.9, "not comparable")


def test_versions_of_another_task_have_metrics_that_the_other_lacks():
    other = measured(2, 0.9, None)
    other.task, other.metrics = "regression", {"r2": 0.5}
    rows = Replacement(other, measured(1, 0.8, None)).metrics
    assert [(row.metric.name, row.live, row.coming) for row in rows] == [
        ("r2", None, 0.5),
        ("accuracy", 0.8, None),
    ]
