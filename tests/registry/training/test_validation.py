"""Tables, targets and options that cannot be trained on are rejected with a sentence and a code."""

import numpy as np
import pandas
import pytest

from registry.training.validation import usual_test_size
from tests.registry.training.tables import ROWS, classes, fit, refusal, table


def test_a_classifier_without_a_target_is_rejected():
    assert refusal(target=None)[0] == "no_target"


@pytest.mark.parametrize("target", ["colour", "tame"])
def test_a_regressor_rejects_text_and_boolean_targets(target):
    code, message = refusal(name="Ridge", target=target)
    assert code == "text_target"
    assert "Ridge predicts numbers" in message


@pytest.mark.parametrize("name", ["Ridge", "DecisionTreeClassifier"])
def test_a_date_target_is_rejected(name):
    assert refusal(name=name, target="born")[0] == "date_target"


@pytest.mark.parametrize(
    "y",
    [np.linspace(0, 1, ROWS), np.arange(ROWS), [0.5, 1.0] * (ROWS // 2)],
    ids=["fractions", "distinct integers", "two fractions"],
)
def test_a_classifier_rejects_a_continuous_target(y):
    code, message = refusal(pandas.Series(y), "number")
    assert code == "continuous_target"
    assert "select a regressor" in message


def test_prices_are_continuous_even_if_many_repeat():
    frame = table(400)
    prices = np.random.default_rng(0).integers(0, 120, 400).astype("int64")
    prices[0] = 999
    assert refusal(prices, "integer", frame=frame)[0] == "continuous_target"


def test_ten_digits_are_classes():
    assert len(fit(y=np.arange(60) % 10, kind="integer", frame=table(60)).signature["classes"]) == 10


@pytest.mark.parametrize(
    ("rows", "classes", "test_size"), [(100, 3, 0.2), (8, 3, 0.3), (5, None, 0.3), (2, 3, 0.2)]
)
def test_the_usual_test_size_grows_for_a_small_table(rows, classes, test_size):
    assert usual_test_size(rows, classes=classes) == test_size


def test_a_single_class_is_rejected():
    assert refusal(pandas.Series(["cat"] * ROWS, dtype="str")) == (
        "one_class",
        "`answer` has only one class, `cat`; a classifier needs at least two.",
    )


def test_a_class_with_one_row_is_rejected_by_name():
    y = classes()
    y[7] = "newt"
    code, message = refusal(y)
    assert code == "rare_class"
    assert message.startswith("The class `newt` has only 1 row in `answer`")


@pytest.mark.parametrize("test_size", [0, 1, 1.5, -0.2, float("nan"), True, "0.2", None])
def test_a_test_size_outside_0_and_1_is_rejected(test_size):
    assert refusal(test_size=test_size)[0] == "test_size"


@pytest.mark.parametrize("random_state", [-1, 2**32, 1.5, "7", True])
def test_a_random_state_other_than_a_32_bit_integer_is_rejected(random_state):
    assert refusal(random_state=random_state)[0] == "random_state"


@pytest.mark.parametrize(
    ("name", "y", "kind"),
    [
        ("Ridge", [1.0, 2.0, 3.0, 4.0, 5.0], "number"),
        ("DecisionTreeClassifier", ["a", "b", "a", "b", "b"], "text"),
    ],
)
def test_five_rows_are_too_few_for_a_test_set(name, y, kind):
    y = pandas.Series(y, dtype="str" if kind == "text" else float)
    code, message = refusal(y, kind, name=name, frame=table(5 + 1).iloc[:5], test_size=0.2)
    assert code == "too_few_rows"
    assert "the test set would have 1 and needs at least 2" in message


@pytest.mark.parametrize("name", ["Ridge", "DecisionTreeClassifier", "KMeans"])
def test_an_empty_table_has_too_few_rows(name):
    kind = "number" if name == "Ridge" else "text"
    y = pandas.Series([], dtype=float if name == "Ridge" else "str")
    assert refusal(y, kind, name=name, frame=table().iloc[:0])[0] == "too_few_rows"


def test_a_target_without_values_has_too_few_rows():
    code, sentence = refusal(pandas.Series([np.nan] * ROWS, dtype="str"))[:2]
    assert (code, sentence) == (
        "too_few_rows",
        "The target has no value in any row; select another target.",
    )


@pytest.mark.parametrize("name", ["size", "answer"])
def test_an_infinite_number_is_rejected_with_its_column(name):
    frame = table().assign(answer=np.linspace(0, 1, ROWS))
    frame[name] = frame[name].mask(frame.index == 8, -np.inf)
    code, message = refusal(frame["answer"], "number", name="Ridge", frame=frame.drop(columns="answer"))
    assert code == "infinite_values"
    assert message.startswith(f"`{name}` contains infinite values in 1 row")
