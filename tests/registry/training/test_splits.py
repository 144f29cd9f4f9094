"""The methods of a split, and the folds of a cross-validation: which rows are held out, and what is said of them."""

from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.evaluation import charts
from registry.training import pipelines, split_methods
from registry.training.cross_validation import folds
from registry.training.request import TrainingRequest
from tests.registry.training.tables import COLUMNS, ROWS, assert_json, classes, column, fit, numbers, table

DAYS = pandas.Series(pandas.date_range("2026-01-01", periods=ROWS).astype("datetime64[us]"))
OWNERS = pandas.Series([f"owner {row % 7}" for row in range(ROWS)], dtype="str")
PARTS = pandas.Series([" TEST" if row % 5 == 4 else "Train" for row in range(ROWS)], dtype="str")
EXTRA = [column("day", "date", True), column("owner", "text", True), column("part", "text", True)]


def fit_by(method, column_name, *, y=None, frame=None, **options):
    frame = table() if frame is None else frame
    frame = frame.assign(**{"day": DAYS, "owner": OWNERS, "part": PARTS} | options.pop("extra", {}))
    split = {"method": method, "column": column_name}
    return fit(y, frame=frame, columns=[*COLUMNS, *EXTRA], split=split, **options)


def test_a_split_by_time_measures_the_newest_rows():
    result = fit_by("time", "day", test_size=0.2)
    assert result.held_out["day"].tolist() == DAYS[-6:].tolist()
    assert result.measured == "Measured on 6 rows from 2026-01-25, the newest 20 %."
    assert "day" in result.signature["example"]  # the date stays a feature


def test_rows_of_one_date_are_on_one_side_and_the_order_of_the_table_does_not_matter():
    days = DAYS.dt.to_period("M").dt.to_timestamp().astype("datetime64[us]").replace(DAYS[0], DAYS[20])
    days = days.where(np.arange(ROWS) < 25, DAYS[5]).sample(frac=1, random_state=0).reset_index(drop=True)
    result = fit_by("time", "day", extra={"day": days}, test_size=0.5)
    assert (result.rows_train, result.rows_test) == (5, 25)
    assert result.held_out["day"].nunique() == 1


def test_a_split_by_group_holds_out_whole_groups_that_are_no_feature():
    frame = table().assign(size=[float(row % 7) for row in range(ROWS)])
    result = fit_by("group", "owner", frame=frame, test_size=0.3)
    train = set(frame["size"]) - set(result.held_out["size"])
    assert len(train) == 5 and result.rows_test == len(frame[~frame["size"].isin(train)])
    assert "with 2 values of `owner` that no training row has" in result.measured
    assert "owner" not in result.signature["example"]


def test_a_group_is_a_feature_if_it_is_named():
    assert "owner" in fit_by("group", "owner", features=["size", "owner"]).signature["example"]


def test_the_draw_of_groups_keeps_the_classes_in_proportion():
    owners = pandas.Series([str(row // 10) for row in range(1_000)], dtype="str")
    labels = (np.arange(1_000) // 10 % 4 == 0).astype(int)
    parts = split_methods.by_group(owners, test_size=0.2, random_state=0, labels=labels)
    assert abs(labels[parts.test].mean() - 0.25) < 0.06
    assert abs(len(parts.test) - 200) <= 5


def fit_to_chance(category, *, method):
    """The flag of each of 60 owners is chance: what 10 rows of an owner have in common says nothing about a new one."""
    owner = np.repeat(np.arange(60), 10)
    flag = np.random.default_rng(0).permutation(np.repeat(["no", "yes"], 30))[owner]
    frame = pandas.DataFrame({"owner": owner, "category": category(owner), "y": flag})
    columns = [column("owner", "integer"), column("category", "text"), column("y", "text")]
    split = {"method": method} | ({"column": "owner"} if method == "group" else {})
    request = TrainingRequest(
        "linear_model", "LogisticRegression", target="y", features=["category"], split=split
    )
    return pipelines.fit(frame, columns=columns, request=request)


@pytest.mark.parametrize(("method", "is_learned"), [("random", True), ("group", False)])
def test_target_means_are_cross_fitted_without_the_other_rows_of_a_group(method, is_learned):
    result = fit_to_chance(
        lambda owner: [f"shop {(one + row % 3) % 60}" for row, one in enumerate(owner)], method=method
    )
    assert result.preparation[0]["prepare"] == "target_mean"
    assert (result.pipeline["model"].coef_[0][0] > 0.5) == is_learned
    assert result.pipeline["columns"].named_transformers_["target_mean"][1].cv == 5


def test_categories_of_one_group_each_have_no_target_mean():
    result = fit_to_chance(lambda owner: [f"alias {one}" for one in owner], method="group")
    assert result.preparation[0]["prepare"] == "one_hot"
    assert result.preparation[0]["reason"] == "48 categories, most in one group of the split"


def test_a_column_says_which_rows_are_measured_in_any_case():
    result = fit_by("column", "part")
    assert (result.rows_train, result.rows_test) == (24, 6)
    assert result.measured == "Measured on 6 rows (20 %), those marked test in `part`."
    assert "part" not in result.signature["example"]


def test_another_dataset_version_is_measured_on():
    other = table(10).assign(answer=classes(10))
    result = fit(split={"method": "dataset_version", "dataset_version": 3}, measured_on=other)
    assert (result.rows_train, result.rows_test) == (ROWS, 10)
    assert result.measured == "Measured on 10 rows of dataset version 3."


def test_rows_without_a_value_in_the_column_of_the_split_are_excluded_and_counted():
    result = fit_by("time", "day", extra={"day": DAYS.mask(np.arange(ROWS) < 4)})
    assert result.rows_train + result.rows_test == ROWS - 4
    assert result.warnings == ["4 rows without a value in `day` were excluded."]


def test_test_rows_of_a_class_that_no_training_row_has_are_counted():
    y = classes().where(np.arange(ROWS) < 27, "fox")
    result = fit_by("time", "day", y=y, test_size=0.2)
    assert "3 test rows have a class that no training row has" in result.warnings[0]
    assert result.metrics["accuracy"] <= 0.5
    assert len(result.metrics["confusion_matrix"]) == 3
    assert_json(result)


def test_the_confusion_matrix_of_a_refit_names_the_classes_as_they_were_measured():
    y = pandas.Series(["cat", "dog"] * 15, dtype="str").where(DAYS < "2026-01-28", "cow")
    result = fit_by("time", "day", y=y, test_size=0.2, refit=True)
    version = SimpleNamespace(metrics=result.metrics, signature=result.signature)
    assert charts.confusion_matrix(version)["labels"] == ["cat", "dog", "cow"]
    assert result.signature["classes"] == ["cat", "cow", "dog"]


@pytest.mark.parametrize(
    ("method", "extra", "y", "sentence"),
    [
        ("time", {"day": DAYS.where(DAYS.isna(), DAYS[0])}, None, "only one date"),
        ("group", {"owner": OWNERS.where(OWNERS == "", "a")}, None, "only one group"),
        ("column", {"part": PARTS.replace("Train", "valid")}, None, "contains `valid`"),
        ("column", {"part": PARTS.replace("Train", "test")}, None, "no row marked train"),
        ("time", {}, classes().where(np.arange(ROWS) > 26, "cat"), "the same class in `answer`, cat"),
        ("column", {"part": PARTS.where(np.arange(ROWS) < 9, "train")}, numbers(), "leaves 1 row for the test part"),
    ],
)  # fmt: skip
def test_a_split_that_leaves_nothing_to_learn_or_to_measure_is_refused(method, extra, y, sentence):
    name = {"time": "day", "group": "owner", "column": "part"}[method]
    options = {"name": "Ridge", "kind": "number"} if y is not None and y.dtype == float else {}
    with pytest.raises(ValidationError) as caught:
        fit_by(method, name, y=y, extra=extra, test_size=0.1, **options)
    assert caught.value.code == "split"
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ({"method": "shuffle"}, "is one of random, time, group, column, dataset_version; not shuffle"),
        ({"column": "day"}, "is one of random"),
        ({"method": "time"}, "needs a `column`"),
        ({"method": "dataset_version"}, "needs a `dataset_version`"),
        ({"method": "random", "column": "day"}, "has no `column`"),
        ({"method": "time", "column": "dya"}, "did you mean `day`?"),
        ({"method": "time", "column": "owner"}, "needs a column of dates; `owner` has the type text"),
        ({"method": "group", "column": "legs"}, "`legs` is the target"),
        ({"method": "column", "column": "size"}, "`size` has the type number"),
    ],
)
def test_a_split_that_the_columns_do_not_allow_is_refused(split, sentence):
    with pytest.raises(ValidationError) as caught:
        split_methods.check(split, columns=[*COLUMNS, *EXTRA], target="legs", task="regression")
    assert caught.value.code == "split"
    assert sentence in caught.value.message


def test_a_clusterer_has_no_split():
    with pytest.raises(ValidationError, match="measured on all rows"):
        split_methods.check(
            {"method": "time", "column": "day"}, columns=EXTRA, target=None, task="clustering"
        )


def test_a_dataset_version_to_measure_on_needs_the_columns_with_their_types():
    others = [column("size", "text"), column("legs", "integer")]
    check = split_methods.check_other_version
    check(3, columns=COLUMNS, others=others, needed=["legs"])
    with pytest.raises(ValidationError, match="Dataset version 3 has no column `colour`"):
        check(3, columns=COLUMNS, others=others, needed=["legs", "colour"])
    with pytest.raises(ValidationError, match=r"`size` \(text instead of number\)"):
        check(3, columns=COLUMNS, others=others, needed=["size"])


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
