"""The columns of the training form: what is expected of them, and what the user chooses."""

import pytest

from registry.train_form.forms import TrainForm

ROWS = 60
PEOPLE = "id,city,age,joined,note,risk\n" + "".join(
    f"P{i:04},{['Ulm', 'Bonn', ''][i % 3]},{20 + i * 7 % 31},2026-0{1 + i % 9}-1{i % 10},{'word ' * (i % 4 + 3)}{i},"
    f"{['low', 'high'][i % 2]}\n"
    for i in range(ROWS)
)


@pytest.fixture
def form(make_dataset):
    def make(algorithm="LogisticRegression", **choices):
        version = make_dataset("people", PEOPLE)
        initial = {"target": "risk"} | {f"prepare-{name}": choice for name, choice in choices.items()}
        return TrainForm(dataset=version.dataset, algorithm=algorithm, initial=initial)

    return make


def rows_of(form) -> dict:
    return {row.name: row for row in form.column_table().rows()}


def test_each_column_has_its_expected_preparation_and_the_reason(form):
    rows = rows_of(form())
    assert rows["age"].label == "Scaled, median for gaps"
    assert rows["age"].reason == "LogisticRegression needs complete numbers of one scale"
    assert rows["joined"].reason == "elapsed time"
    assert rows["city"].reason == "2 categories"


def test_an_identifier_is_left_out_unless_the_user_chooses_otherwise(form):
    assert rows_of(form())["id"].label == "Left out"
    used = rows_of(form(id="use"))["id"]
    assert (used.is_left_out, used.label) == (False, "One-hot")


def test_the_choices_on_offer_are_those_that_the_estimator_allows(form):
    def offered(algorithm):
        return [value for value, _ in rows_of(form(algorithm))["city"].field.field.widget.choices]

    assert offered("LogisticRegression") == ["", "words", "leave_out"]
    assert offered("HistGradientBoostingClassifier") == ["", "one_hot", "words", "leave_out"]


def test_the_summary_counts_features_and_names_columns_that_are_left_out(form):
    table = form(age="leave_out").column_table()
    summary = table.summary(table.rows())
    assert (summary["columns"], summary["features"]) == (5, 3)
    assert summary["left_out"] == "Columns `id` and `age`"


def test_the_choice_of_the_user_is_shown_as_such(form):
    row = rows_of(form(age="leave_out"))["age"]
    assert (row.label, row.reason, row.is_left_out) == ("Left out", "your choice", True)
