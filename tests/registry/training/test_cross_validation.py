"""folds(): the rows on which each fold is fitted and measured."""

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.training.cross_validation import folds

LABELS = np.array(["cat"] * 20 + ["dog"] * 10, dtype=object)


def test_every_row_is_measured_once_a_repeat_with_the_classes_in_proportion():
    parts = folds(LABELS, task="classification", cv=5, repeats=2, random_state=1)
    assert len(parts) == 10
    for first in (0, 5):
        assert sorted(np.concatenate([test for _, test in parts[first : first + 5]])) == list(range(30))
    assert all((LABELS[test] == "dog").sum() == 2 for _, test in parts)
    assert any((a[1] != b[1]).any() for a, b in zip(parts[:5], parts[5:], strict=True))


def test_the_same_random_state_gives_the_same_folds():
    first, second = (folds(np.arange(30.0), task="regression", cv=3, random_state=7) for _ in range(2))
    assert all((a[1] == b[1]).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_group_is_never_on_both_sides_of_a_fold(task):
    groups = np.arange(30) % 7
    y = LABELS if task == "classification" else np.arange(30.0)
    for train, test in folds(y, task=task, cv=3, repeats=2, groups=groups, random_state=1):
        assert not set(groups[train]) & set(groups[test])


@pytest.mark.parametrize("rows_a_day", [1, 4, 11])
def test_forward_chaining_measures_on_later_rows_than_it_learns_from(rows_a_day):
    days = pandas.date_range("2026-01-01", periods=-(-60 // rows_a_day)).repeat(rows_a_day)[:60]
    times = np.random.default_rng(0).permutation(days.to_numpy())
    parts = folds(np.arange(60.0), task="regression", cv=4, times=times)
    assert len(parts) == 4
    for train, test in parts:
        assert len(train) and len(test)
        assert times[train].max() < times[test].min()
    assert len(np.unique(np.concatenate([test for _, test in parts]))) == sum(len(t) for _, t in parts)


@pytest.mark.parametrize("last", [0, -1])
def test_forward_chaining_works_if_most_rows_have_one_time(last):
    times = np.sort(np.r_[np.arange(5), np.full(50, np.arange(5)[last])])
    assert all(len(train) and len(test) for train, test in folds(times, task="regression", cv=4, times=times))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"cv": 40, "task": "regression"}, "40 training rows"),
        ({"cv": 25, "task": "classification"}, "rows of the largest class; there are 20"),
        ({"cv": 3, "task": "regression", "groups": np.arange(30) % 2}, "groups in the training rows"),
        ({"cv": 3, "task": "regression", "times": np.arange(30) % 3}, "4 distinct times"),
    ],
)
def test_too_few_rows_groups_times_or_rows_of_a_class_are_refused(options, what):
    with pytest.raises(ValidationError, match=what) as caught:
        folds(LABELS, **options)
    assert caught.value.code == "cv"
