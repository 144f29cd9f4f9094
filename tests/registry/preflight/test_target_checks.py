"""The dry run's checks of the target."""

import numpy as np
import pandas
import pytest

from tests.registry.preflight.conftest import codes, table


def test_a_classifier_rejects_a_constant_target(refusal):
    assert refusal(table(answer="cat"))[:2] == ("one_class", "target")


def test_a_classifier_rejects_a_constant_target_of_a_sampled_table_by_its_profile(refusal):
    code, field, sentence = refusal(table(2_000, answer=3))
    assert (code, field) == ("one_class", "target")
    assert "3" in sentence


def test_a_regressor_warns_about_a_constant_target(check):
    warnings = check(table(answer=3), "LinearRegression")
    assert codes(warnings) == [("constant_target", "target")]
    assert "Column `answer` has the same value in every row" in warnings[0]["detail"]


def test_a_class_with_one_row_is_rejected(refusal):
    frame = table()
    frame.loc[5, "answer"] = "bird"
    code, field, sentence = refusal(frame)
    assert (code, field) == ("rare_class", "target")
    assert "bird" in sentence


def test_a_class_with_one_row_of_a_sampled_table_is_found_in_its_profile(refusal):
    frame = table(3_000)
    frame.loc[5, "answer"] = "bird"
    assert refusal(frame)[0] == "rare_class"


def test_a_class_that_is_absent_from_the_sample_is_no_error(check):
    rng = np.random.default_rng(0)
    codes_of_classes = rng.integers(0, 3, 4_000)
    codes_of_classes[:3] = 77
    assert check(table(4_000, answer=codes_of_classes)) == []


def test_a_class_with_one_row_in_the_sample_is_at_most_a_warning(check):
    rng = np.random.default_rng(0)
    answer = rng.integers(0, 3, 1_000)
    answer[::250] = 77
    warnings = check(table(1_000, answer=answer), "DecisionTreeClassifier")
    assert codes(warnings) in ([], [("rare_class", "target")])


@pytest.mark.parametrize("rows", [100, 3_000])
def test_a_classifier_rejects_a_continuous_target(refusal, rows):
    price = np.random.default_rng(0).normal(size=rows)
    assert refusal(table(rows, answer=price))[:2] == ("continuous_target", "target")


@pytest.mark.parametrize("rows", [100, 900, 9_000])
def test_a_classifier_rejects_a_target_with_a_distinct_number_in_every_row(refusal, rows):
    answer = np.random.default_rng(0).permutation(rows) * 7
    assert refusal(table(rows, answer=answer))[0] == "continuous_target"


def test_a_target_of_too_many_classes_is_rejected_before_it_is_queued(refusal):
    frame = pandas.DataFrame({"x": np.arange(12_000) % 7, "answer": [f"c{i % 5_000}" for i in range(12_000)]})
    code, field, sentence = refusal(frame)
    assert (code, field) == ("too_many_classes", "target")
    assert sentence.startswith("`answer` has more than 1,000 distinct values; the limit is 1,000 classes.")


def test_integers_of_too_many_classes_are_rejected_before_they_are_queued(refusal):
    frame = pandas.DataFrame({"x": np.arange(12_000) % 7, "answer": np.arange(12_000) % 5_000})
    assert refusal(frame)[0] == "continuous_target"


def test_long_texts_are_not_counted_as_too_many_classes(check):
    frame = table(1_200, answer=[("a" * 300, "b")[i % 2] for i in range(1_200)])
    assert check(frame) == []


def test_too_few_rows_for_the_split_are_rejected(refusal):
    frame = table(12, answer=[f"c{i % 6}" for i in range(12)])
    assert refusal(frame)[:2] == ("too_few_rows", "test_size")


def test_a_target_without_values_has_too_few_rows(refusal):
    assert refusal(table(answer=np.nan), "LinearRegression")[0] == "too_few_rows"


def test_a_target_that_is_often_missing_has_a_warning(check):
    frame = table()
    frame.loc[:49, "answer"] = None
    warnings = check(frame)
    assert codes(warnings) == [("missing_target", "target")]
    assert "empty in 50 of 120 rows" in warnings[0]["detail"]


def test_a_percent_sign_in_a_column_name_is_kept_in_the_error(refusal):
    frame = table(answer="cat").rename(columns={"answer": "100 % s"})
    assert "100 % s" in refusal(frame, target="100 % s")[2]


@pytest.mark.parametrize("rows", [100, 3_000])
def test_the_column_of_a_split_needs_two_groups_or_only_the_words_train_and_test(refusal, rows):
    words = np.where(np.arange(rows) % 4, "train", "valid")
    frame = table(rows, one="same", part=words, day="2026-01-01")
    for method, column in (("group", "one"), ("column", "part"), ("time", "day")):
        code, field, sentence = refusal(frame, split={"method": method, "column": column})
        assert (code, field) == ("split", "split")
        assert f"`{column}`" in sentence


def test_a_split_is_tried_on_a_sample_and_missing_values_of_its_column_are_a_warning(check):
    day = np.where(np.arange(3_000) % 3, "2026-01-05", "").astype(object)
    day[::7] = "2026-02-01"
    warnings = check(table(3_000, day=day), split={"method": "time", "column": "day"})
    assert codes(warnings) == [("missing_split", "split")]
