"""Test rows that are also training rows: found, counted and measured without."""

import numpy as np
import pandas

from registry.evaluation import duplicates
from tests.registry.training.tables import column, fit

COLUMNS = [column("size", "number", True), column("kind", "text", True), column("born", "date", True)]


def table(rows, seed=0):
    rng = np.random.default_rng(seed)
    days = pandas.to_datetime("2026-01-01") + pandas.to_timedelta(rng.integers(0, 300, rows), "D")
    frame = pandas.DataFrame(
        {
            "size": rng.normal(size=rows).round(3),
            "kind": pandas.Series(rng.choice(["a", "b", None], rows), dtype="str"),
            "born": pandas.Series(days).astype("datetime64[us]"),
        }
    )  # fmt: skip
    frame.loc[::7, "size"], frame.loc[::5, "born"] = np.nan, pandas.NaT
    return frame


def test_copies_of_training_rows_are_found_with_their_gaps_and_others_are_not():
    train, test = table(200), table(40, seed=1)
    test.iloc[:10] = train.iloc[50:60]
    y_train, y_test = np.arange(200.0), np.arange(1_000.0, 1_040)
    y_test[:9] = y_train[50:59]  # the tenth has another target
    rows, is_duplicate = duplicates.find(train, test, y_train, y_test)
    assert (rows == np.arange(40)).all()
    assert set(np.flatnonzero(is_duplicate)) <= set(range(9))
    assert is_duplicate.sum() >= 8  # a row of gaps and a frequent value may be equal by chance


def test_rows_of_a_few_categories_are_no_duplicates():
    train, test = (table(300, seed=seed)[["kind"]] for seed in (0, 1))
    y = np.array(["yes", "no"] * 150, object)
    assert not duplicates.find(train, test, y, y)[1].any()


def test_a_training_warns_of_duplicates_with_the_metric_without_them():
    frame = pandas.concat([table(120)] * 2, ignore_index=True)
    y = pandas.Series(np.tile(np.random.default_rng(3).choice(["yes", "no"], 120), 2), dtype="str")
    result = fit(y, frame=frame, columns=COLUMNS)
    (sentence,) = result.warnings
    assert "test rows" in sentence and "are also training rows" in sentence
    assert "Without them, Accuracy is 0." in sentence


def test_a_training_without_duplicates_does_not_warn():
    y = pandas.Series(np.random.default_rng(3).choice(["yes", "no"], 120), dtype="str")
    assert fit(y, frame=table(120), columns=COLUMNS).warnings == []


def test_a_metric_that_other_rows_do_not_have_is_left_out():
    frame = table(150)
    frame = pandas.concat([frame, frame.iloc[:30]], ignore_index=True)
    frame["part"] = pandas.Series(["train"] * 100 + ["test"] * 80, dtype="str")
    y = pandas.Series(["yes", "no"] * 15 + ["no", "no"] * 10 + ["yes", "no"] * 25 + ["no"] * 50, dtype="str")
    y = pandas.concat([y, y[:30]], ignore_index=True)  # every test row of "yes" is a training row
    options = {"split": {"method": "column", "column": "part"}, "primary_metric": "roc_auc"}
    result = fit(y, frame=frame, columns=[*COLUMNS, column("part", "text")], **options)
    [sentence] = [one for one in result.warnings if "are also training rows" in one]
    assert "Without them" not in sentence
