import numpy as np
import pytest
from scipy import stats

from registry.evaluation import definitions, intervals
from registry.evaluation.scores import ClassScores, NumberScores


def noisy(rows: int) -> NumberScores:
    random = np.random.default_rng(0)
    actual = random.normal(size=rows)
    return NumberScores(actual, actual + random.normal(size=rows))


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    scores = noisy(2_000)
    low, high = intervals.bootstrap(scores)["mae"]
    errors = scores.losses["mae"]
    half = 1.96 * errors.std() / len(errors) ** 0.5
    assert low == pytest.approx(errors.mean() - half, abs=half / 4)
    assert high == pytest.approx(errors.mean() + half, abs=half / 4)


def test_the_interval_of_many_rows_is_scaled_from_a_sample(monkeypatch):
    scores = noisy(2_000)
    whole = np.diff(intervals.bootstrap(scores)["mae"])[0]
    monkeypatch.setattr(intervals, "MAX_ROWS", 500)
    low, high = intervals.bootstrap(scores)["mae"]
    assert high - low == pytest.approx(whole, rel=0.3)
    assert low < scores.values()["mae"] < high


def test_the_same_rows_give_the_same_intervals_of_every_metric():
    random = np.random.default_rng(1)
    y = random.integers(7, size=90)
    probabilities = random.dirichlet(np.ones(7), size=90)
    scores = ClassScores(y, y, classes=list(range(7)), probabilities=probabilities)
    first, second = (intervals.bootstrap(scores) for _ in range(2))
    assert first == second
    assert set(first) == {metric.name for metric in definitions.of_task("classification")}


def test_one_row_has_no_interval():
    assert intervals.bootstrap(NumberScores([1], [2])) == {}


@pytest.mark.parametrize("rows", [2, 5, 30])
def test_all_rows_correct_or_wrong_are_no_certainty(rows):
    y = np.array(["a", "b"] * rows)[:rows]
    other = np.where(y == "a", "b", "a")
    right, wrong = (intervals.bootstrap(ClassScores(y, p, classes=["a", "b"])) for p in (y, other))
    exact = stats.binomtest(rows, rows).proportion_ci().low
    assert right["accuracy"] == pytest.approx([exact, 1])
    assert wrong["f1_score"] == pytest.approx([0, 1 - exact])


@pytest.mark.parametrize("limit", [20_000, 400])
def test_rows_of_one_group_are_drawn_together(monkeypatch, limit):
    monkeypatch.setattr(intervals, "MAX_ROWS", limit)
    one = noisy(100)
    ten = NumberScores(one.actual.repeat(10), one.predicted.repeat(10))
    low, high = intervals.bootstrap(one)["mae"]
    as_rows, as_groups = intervals.bootstrap(ten), intervals.bootstrap(ten, np.arange(100).repeat(10))
    assert as_groups["mae"] == pytest.approx([low, high], rel=0.08)
    assert np.ptp(as_rows["mae"]) < 0.6 * (high - low)
    assert intervals.bootstrap(ten, np.zeros(1_000)) == {}
