"""Warnings about features that are filled in, or corrected, after the event that the target describes."""

import numpy as np
import pandas
import pytest

from tests.registry.preflight.conftest import codes, table

ROWS = 300
DAYS = pandas.date_range("2025-01-01", periods=ROWS).strftime("%Y-%m-%d")
LATE = [("late_values", "features")]


def labels(rows=ROWS):
    return np.random.default_rng(5).choice(["cat", "dog"], rows)


def test_a_feature_that_is_filled_only_in_rows_of_one_class_is_a_leak(check):
    answer = labels()
    refund = np.where((answer == "dog") & (np.arange(ROWS) % 3 > 0), np.arange(ROWS) * 7 % 50, np.nan)
    warnings = check(table(ROWS, answer=answer, refund=refund))
    assert codes(warnings) == LATE
    assert "Column `refund` has a value almost only in rows of one class of `answer`" in warnings[0]["detail"]


def test_a_feature_whose_gaps_explain_a_number_is_a_leak(check):
    late = np.arange(ROWS) % 3 == 0
    delay = np.random.default_rng(1).normal(size=ROWS) + np.where(late, 9, 0)
    reason = np.where(late, np.random.default_rng(2).choice(["rain", "snow"], ROWS), "")
    assert codes(check(table(ROWS, answer=delay, reason=reason), "LinearRegression")) == LATE


def test_gaps_that_say_little_about_the_target_are_no_leak(check):
    answer = labels()
    rng = np.random.default_rng(3)
    tested = rng.random(ROWS) < np.where(answer == "dog", 0.6, 0.3)
    assert check(table(ROWS, answer=answer, test=np.where(tested, rng.normal(size=ROWS), np.nan))) == []


@pytest.mark.parametrize("split", [{"method": "random"}, {"method": "time", "column": "day"}])
def test_a_feature_without_values_in_the_newest_rows_is_filled_in_later(check, split):
    closed = np.where(np.arange(ROWS) < 240, np.random.default_rng(1).normal(size=ROWS), np.nan)
    warnings = check(table(ROWS, day=DAYS, closed=closed), split=split)
    assert codes(warnings) == LATE
    assert "in 100 % of the older rows, and in the newest 20 % by `day` in 0 %" in warnings[0]["detail"]


@pytest.mark.parametrize("name", ["LogisticRegression", "LinearRegression"])
def test_a_feature_that_predicts_only_older_rows_is_corrected_after_the_event(check, name):
    rng = np.random.default_rng(1)
    answer = labels() if name == "LogisticRegression" else rng.normal(size=ROWS)
    known = (answer == "dog") * 2.0 if name == "LogisticRegression" else answer
    balance = np.where(np.arange(ROWS) < 240, known + rng.normal(0, 0.7, ROWS), rng.normal(size=ROWS))
    warnings = check(table(ROWS, answer=answer, day=DAYS, balance=balance), name)
    assert codes(warnings) == LATE
    assert (
        "`balance` is closely related to `answer` in older rows, and hardly in the newest"
        in warnings[0]["detail"]
    )


def test_features_that_do_not_change_over_time_are_no_leak(check):
    rng = np.random.default_rng(1)
    near = (labels() == "dog") + rng.normal(0, 0.7, ROWS)
    assert check(table(ROWS, answer=labels(), day=DAYS, near=near)) == []


def test_groups_of_one_target_and_a_random_split_are_warned_of_even_if_they_are_no_feature(check):
    patient = np.arange(ROWS) % 60
    answer = labels(60)[patient]
    rng = np.random.default_rng(4)
    frame = table(
        ROWS, answer=answer, patient=[f"p{number}" for number in patient], pressure=rng.normal(size=ROWS)
    )
    for features in (None, ["size", "pressure"]):
        warnings = check(frame, features=features)
        assert ("divided_groups", "split") in codes(warnings)
    options = {"features": ["size", "pressure"], "split": {"method": "group", "column": "patient"}}
    assert check(frame, **options) == []


def test_a_series_in_time_and_a_random_split_are_warned_of(check):
    answer = np.cumsum(np.random.default_rng(4).normal(size=ROWS))
    frame = table(ROWS, answer=answer, day=DAYS)
    assert codes(check(frame, "LinearRegression")) == [("divided_times", "split")]
    assert check(frame, "LinearRegression", split={"method": "time", "column": "day"}) == []
