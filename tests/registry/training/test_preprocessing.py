"""Preprocessing: gaps, unseen categories, dates, and estimators that need positive numbers."""

import pandas

from registry.training.columns import feature_frame
from tests.registry.training.tables import ROWS, column, fit, table


def probabilities(result, frame):
    return result.pipeline.predict_proba(feature_frame(frame, result.signature["inputs"]))


def test_gaps_and_unseen_categories_are_predicted_in_every_column():
    complete = table().fillna({"size": 0.0, "colour": "red", "born": pandas.Timestamp("1970-01-01")})
    result = fit(frame=complete)
    empty = pandas.DataFrame({name: [None] for name in complete.columns}, dtype=object)
    unseen = complete.iloc[:1].assign(colour="ultraviolet")
    assert probabilities(result, empty).shape == probabilities(result, unseen).shape == (1, 2)


def test_high_cardinality_text_columns_make_at_most_2000_one_hot_columns():
    frame = pandas.DataFrame({f"id{i}": [f"{i}-{row}" for row in range(ROWS)] for i in range(200)})
    frame = frame.astype("str")
    result = fit(frame=frame, columns=[column(name, "text") for name in frame])
    assert result.pipeline["columns"].transform(frame).shape[1] <= 2_000


def test_a_boolean_column_with_and_without_gaps_has_the_same_categories():
    result = fit()
    nullable = table().assign(tame=table()["tame"].astype("boolean"))
    assert (probabilities(result, table()) == probabilities(result, nullable)).all()


def test_missing_dates_become_the_median_date():
    result = fit(name="LogisticRegression", features=["born"])
    transformer = result.pipeline["columns"]
    values = transformer.transform(table()[["born"]])
    assert abs(values).max() < 3  # a cast would make them the year minus 290 billion
    assert (values[5] == transformer.transform(table()[["born"]].iloc[[5]])).all()


def test_multinomial_naive_bayes_gets_no_negative_numbers_outside_the_training_range():
    result = fit(name="MultinomialNB")
    far = table().assign(size=-1e9)
    assert (result.pipeline["columns"].transform(far) >= 0).all()


def test_categorical_naive_bayes_gets_bins_and_predicts_outside_the_training_range():
    result = fit(name="CategoricalNB")
    bins = result.pipeline["columns"].transform(table())[:, 0]
    assert len(set(bins)) > 5
    assert probabilities(result, table().assign(size=1e9, colour="ultraviolet")).shape == (ROWS, 2)
