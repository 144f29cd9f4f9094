"""Whether two models differ by more than noise on the same rows."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from registry.evaluation import paired
from registry.evaluation.definitions import BY_NAME
from registry.evaluation.scores import ClassScores, NumberScores

ROWS = 400


@pytest.fixture(scope="module")
def random():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def y(random):
    return random.choice(["no", "yes"], ROWS)


def classes(y, predicted, probabilities=None):
    return ClassScores(y, predicted, classes=["no", "yes"], probabilities=probabilities)


def with_errors(y, share, seed):
    is_wrong = np.random.default_rng(seed).random(len(y)) < share
    return np.where(is_wrong, np.where(y == "no", "yes", "no"), y)


def test_a_difference_of_the_accuracy_is_tested_by_mcnemar(y):
    before, after = with_errors(y, 0.3, 1), with_errors(y, 0.1, 2)
    found = paired.difference(classes(y, before), classes(y, after), BY_NAME["accuracy"])
    gained, lost = ((after == y) & (before != y)).sum(), ((after != y) & (before == y)).sum()
    assert found["difference"] == pytest.approx(
        metrics.accuracy_score(y, after) - metrics.accuracy_score(y, before)
    )
    assert found["p_value"] == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)
    assert found["is_clear"]


def test_the_interval_of_a_mean_is_close_to_that_of_the_paired_differences(random):
    actual = random.normal(size=ROWS)
    noise = random.normal(size=ROWS)
    before, after = actual + noise, actual + 0.95 * noise + random.normal(0, 0.05, ROWS)
    found = paired.difference(NumberScores(actual, before), NumberScores(actual, after), BY_NAME["mae"])
    errors = np.abs(after - actual) - np.abs(before - actual)
    interval = stats.ttest_1samp(errors, 0).confidence_interval()
    assert found["interval"] == pytest.approx([interval.low, interval.high], abs=0.005)
    assert found["is_clear"]  # although the intervals of the two overlap


def test_models_that_differ_by_chance_are_not_told_apart(y):
    sides = [classes(y, with_errors(y, 0.2, seed)) for seed in (1, 2)]
    found = paired.difference(*sides, BY_NAME["balanced_accuracy"])
    assert not found["is_clear"]
    assert found["interval"][0] < 0 < found["interval"][1]


def test_an_area_under_the_curve_is_compared_row_by_row(random, y):
    signal = (y == "yes") + random.normal(0, 0.8, ROWS)
    sides = []
    for spread in (2, 0.1):
        positive = 1 / (1 + np.exp(-(signal + random.normal(0, spread, ROWS))))
        sides.append(classes(y, y, np.column_stack([1 - positive, positive])))
    found = paired.difference(*sides, BY_NAME["roc_auc"])
    areas = [metrics.roc_auc_score(y, side.probabilities[:, 1]) for side in sides]
    assert [found["before"], found["after"]] == pytest.approx(areas)
    assert found["is_clear"]


def test_rows_of_a_group_are_drawn_together(y):
    few, many = y[:40], np.repeat(np.arange(40), 10)
    before, after = with_errors(few, 0.4, 1), with_errors(few, 0.3, 2)
    alone = paired.difference(classes(few, before), classes(few, after), BY_NAME["f1_score"])
    sides = [classes(np.repeat(few, 10), np.repeat(one, 10)) for one in (before, after)]
    grouped = paired.difference(*sides, BY_NAME["f1_score"], many)
    assert grouped["interval"] == pytest.approx(alone["interval"], abs=1e-9)


def test_a_metric_that_is_not_defined_is_not_compared(y):
    assert paired.difference(classes(y, y), classes(y, y), BY_NAME["log_loss"]) is None  # no probabilities


def test_few_rows_or_groups_are_not_compared(y):
    nine = [classes(y[:9], y[:9])] * 2
    assert paired.difference(*nine, BY_NAME["accuracy"]) is None
    one_group = [classes(y, y)] * 2
    assert paired.difference(*one_group, BY_NAME["accuracy"], np.zeros(ROWS)) is None


def test_the_same_predictions_have_no_difference(y):
    found = paired.difference(classes(y, y), classes(y, y), BY_NAME["accuracy"])
    assert (found["difference"], found["p_value"], found["is_clear"]) == (0, 1, False)


def test_many_rows_in_few_groups_do_not_narrow_the_interval(random):
    def width(rows):
        groups = np.arange(rows) % 20
        effect = np.random.default_rng(1).normal(size=20)[groups]
        actual = random.normal(size=rows)
        after = NumberScores(actual, actual + 1 + 0.3 * effect)
        found = paired.difference(NumberScores(actual, actual + 1), after, BY_NAME["mae"], groups)
        return found["interval"][1] - found["interval"][0]

    assert width(10 * paired.MAX_ROWS) == pytest.approx(width(paired.MAX_ROWS), rel=0.25)


def test_predictions_of_other_rows_are_not_compared(random):
    actual = random.normal(size=ROWS)
    first, second = (NumberScores(rows, rows + 1) for rows in (actual[1:], actual[:-1]))
    assert paired.difference(first, second, BY_NAME["mae"]) is None
    assert paired.difference(first, first, BY_NAME["mae"], np.arange(ROWS)) is None


def test_all_metrics_are_tested_in_one_pass_as_each_by_itself(y, random):
    scores = [random.random((ROWS, 1)) for _ in range(2)]
    sides = [classes(y, with_errors(y, 0.2, 1), np.hstack([one, 1 - one])) for one in scores]
    metrics = [BY_NAME[name] for name in ("log_loss", "accuracy", "roc_auc", "f1_score", "top_3_accuracy")]
    found = paired.differences(*sides, metrics)
    assert list(found) == ["log_loss", "accuracy", "roc_auc", "f1_score"]  # two classes have no top 3
    for metric in metrics:
        assert found.get(metric.name) == paired.difference(*sides, metric)


def test_p_values_are_corrected_by_holm():
    assert paired.holm([0.04, 0.01, 0.5, 0.03]) == pytest.approx([0.09, 0.04, 0.5, 0.09])
    assert paired.holm([]) == []
