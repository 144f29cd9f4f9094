"""Pipelines that were fitted elsewhere are compiled, and predict what they did."""

import numpy as np
import pandas
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)

from registry.imports import adapter
from registry.imports.readers.loaded import NUMBERS, Loaded
from registry.training import signature
from registry.training.columns import feature_frame
from serving.engine import verification
from serving.engine.imported import columns
from serving.engine.trees import OutOfRange
from serving.inputs.reader import Reader

TYPES = {"length": "number", "rooms": "integer", "colour": "text", "shape": "text", "wild": "boolean"}
INPUTS = [{"name": name, "type": kind, "nullable": True, "format": {}} for name, kind in TYPES.items()]
ONE_HOT = {"handle_unknown": "ignore"}


def table(rows: int = 40) -> pandas.DataFrame:
    draw = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "length": draw.normal(size=rows),
            "rooms": draw.integers(1, 5, rows).astype(float),
            "colour": draw.choice(["red", "blue", "grün"], rows),
            "shape": draw.choice(["a", "b"], rows),
            "wild": draw.choice([True, False], rows).astype(object),
        }
    )
    for name in ("length", "colour", "wild"):
        frame.loc[draw.random(rows) < 0.1, name] = np.nan
    return frame


LABELS = np.array(["low", "high", "none"])[np.arange(40) % 3]


def engine_of(estimator, names=tuple(TYPES), *, cells=None, classes=None, gaps=True):
    """The engine that verification chooses, and the pipeline of the platform."""
    inputs = [one for one in INPUTS if one["name"] in names]
    loaded = Loaded(estimator, cells, None, None) if cells else Loaded.of_sklearn(estimator, [])
    if classes:
        loaded.estimator = adapter.named(estimator, classes, "text")
    pipeline = adapter.as_pipeline(loaded, inputs)
    X = feature_frame(table() if gaps else table().dropna(), inputs)
    described = signature.describe(
        pipeline, X, inputs=inputs, target={"name": "y", "type": "text"}, task="classification"
    )
    engine, golden = verification.verify(pipeline, described, X)
    assert verification.first_mismatch(engine, golden, described) is None
    return engine, pipeline, Reader(described["inputs"])


def fitted(estimator, names=tuple(TYPES), y=LABELS):
    return estimator.fit(table()[list(names)], y)


words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(**ONE_HOT))
numbers = make_pipeline(SimpleImputer(), StandardScaler(), PolynomialFeatures(2))
PREPARED = {
    "one_hot": make_column_transformer((numbers, ["length", "rooms"]), (words, ["colour", "shape"])),
    "with_numbers_as_categories": make_column_transformer(
        (OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist"), ["shape", "rooms", "colour"]),
        (SimpleImputer(), ["length"]),
    ),
    "ordinal": make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["colour", "wild"]),
        (SimpleImputer(), ["rooms"]),
    ),
    "target_means": make_column_transformer(
        (make_pipeline(TargetEncoder(cv=2), StandardScaler()), ["colour", "shape"]),
        ("passthrough", ["rooms"]),
    ),
    "selected_by_type": make_column_transformer(
        (SimpleImputer(), make_column_selector(dtype_include="number")), remainder="drop"
    ),
}


@pytest.mark.parametrize("name", PREPARED)
def test_columns_that_a_team_has_prepared_are_compiled(name):
    model = fitted(make_pipeline(PREPARED[name], RandomForestClassifier(5, random_state=0)))
    engine, _, _ = engine_of(model)
    assert (engine.kind, engine.reason) == ("trees", "")


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        (HistGradientBoostingClassifier(max_iter=3), "trees"),
        (make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=3)), "trees"),
        (make_pipeline(SimpleImputer(add_indicator=True), PCA(2), LogisticRegression()), "estimator"),
    ],
)
def test_models_of_numbers_are_compiled(estimator, kind):
    names = ("length", "rooms")
    engine, _, _ = engine_of(fitted(estimator, names), names)
    assert (engine.kind, engine.reason) == (kind, "")


def test_a_model_of_an_array_is_compiled_with_booleans_as_numbers():
    names = ("length", "wild")
    cells = table()[list(names)].astype(float).to_numpy()
    engine, _, _ = engine_of(
        HistGradientBoostingClassifier(max_iter=3).fit(cells, LABELS), names, cells=NUMBERS
    )
    assert (engine.kind, engine.reason) == ("trees", "")


def test_names_of_classes_are_compiled_too():
    names = ("length", "rooms")
    model = fitted(make_pipeline(SimpleImputer(), RandomForestClassifier(3)), names, np.arange(40) % 3)
    engine, _, _ = engine_of(model, names, classes=["x", "y", "z"])
    assert (engine.kind, engine.reason) == ("trees", "")


def test_what_an_estimator_rejects_is_rejected_as_before():
    names = ("length", "rooms")
    model = LogisticRegression().fit(table()[list(names)].fillna(0), LABELS)
    engine, _, reader = engine_of(model, names, gaps=False)
    assert engine.kind == "estimator"
    with pytest.raises(ValueError, match="contains NaN"):
        engine.predict(reader.from_rows([[None, 2]]))


def test_a_category_that_an_encoder_rejects_is_rejected_as_before():
    filled = table().fillna({"colour": "red"})
    model = make_pipeline(make_column_transformer((OneHotEncoder(), ["colour"])), LogisticRegression())
    engine, _, reader = engine_of(model.fit(filled[["colour"]], LABELS), ("colour",), gaps=False)
    assert engine.kind == "estimator"
    with pytest.raises(ValueError, match="unknown categories"):
        engine.predict(reader.from_rows([["violet"]]))


def test_what_cannot_be_compiled_is_served_by_the_full_pipeline():
    counts = make_column_transformer((CountVectorizer(), "shape"), (SimpleImputer(), ["length"]))
    model = make_pipeline(counts, LogisticRegression())
    filled = table().assign(shape=lambda frame: frame["shape"] + " shape")
    engine, _, _ = engine_of(model.fit(filled, LABELS))
    assert engine.kind == "pipeline"
    assert engine.reason == "it was imported, and prepares text with CountVectorizer"


def test_a_category_that_is_filled_as_a_gap_is_left_to_the_full_pipeline():
    filler = SimpleImputer(missing_values="none", strategy="most_frequent")
    steps = make_column_transformer((make_pipeline(filler, OneHotEncoder(**ONE_HOT)), ["shape"]))
    model = make_pipeline(steps, LogisticRegression()).fit(table()[["shape"]], LABELS)
    engine, _, _ = engine_of(model, ("shape",), gaps=False)
    assert engine.reason == "it was imported, and fills other categories than gaps"


def test_many_rows_of_many_categories_are_not_made_dense(monkeypatch):
    steps = make_column_transformer((OneHotEncoder(**ONE_HOT), ["shape"]))
    model = make_pipeline(steps, LogisticRegression()).fit(table()[["shape"]], LABELS)
    engine, _, reader = engine_of(model, ("shape",))
    monkeypatch.setattr(columns, "MAX_BATCH_CELLS", 4)
    assert engine.encoder(reader.from_rows([["a"]] * 2)).tolist() == [[1, 0]] * 2
    rows = reader.from_rows([["a"]] * 3)
    with pytest.raises(OutOfRange):
        engine.encoder(rows)
    assert len(engine.predict(rows)[0]) == 3
