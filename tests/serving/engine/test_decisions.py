"""Engines of classifiers with a threshold or a calibration predict what their pipeline predicts, to the last bit."""

import numpy as np
import pytest

from registry.estimators.algorithms import find
from registry.training import pipelines
from registry.training.columns import feature_frame
from registry.training.request import TrainingRequest
from serving.engine import inference, verification
from serving.inputs.reader import TypedRows
from tests.serving.engine.fits import COLUMNS, table

TARGET = {"name": "kind", "type": "text", "nullable": False}
FRAME = table(100, classes=2)
SMALL = {"n_estimators": 4}
CASES = [
    ("RandomForestClassifier", SMALL, 0.3, None, "trees"),
    ("RandomForestClassifier", SMALL, {"metric": "f1"}, "isotonic", "trees"),
    (
        "GradientBoostingClassifier",
        SMALL,
        {"costs": {"false_positive": 3, "false_negative": 1}},
        None,
        "trees",
    ),
    ("GradientBoostingClassifier", SMALL, None, "sigmoid", "trees"),
    ("HistGradientBoostingClassifier", {"max_iter": 4}, 0.7, "isotonic", "trees"),
    ("DecisionTreeClassifier", {"max_depth": 3}, None, "isotonic", "trees"),
    ("LogisticRegression", {}, {"metric": "matthews_corrcoef"}, "sigmoid", "estimator"),
    ("LinearSVC", {}, 0.4, "sigmoid", "estimator"),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "params", "threshold", "calibration", "kind"), CASES)
def test_the_engine_decides_as_the_pipeline(name, params, threshold, calibration, kind):
    options = {"threshold": threshold, "calibration": calibration, "random_state": 0}
    request = TrainingRequest(find(name).module, name, params, "kind", **options)
    result = pipelines.fit(FRAME, columns=[*COLUMNS, TARGET], request=request)
    engine, golden = verification.verify(result.pipeline, result.signature, result.held_out)
    assert (engine.kind, engine.reason) == (kind, "")
    assert verification.first_mismatch(engine, golden, result.signature) is None
    frame = feature_frame(FRAME, COLUMNS)
    for rows in (slice(1), slice(None)):
        typed = TypedRows.from_frame(frame.iloc[rows], COLUMNS)
        predictions, probabilities = inference.build(result.pipeline, result.signature).predict(
            typed, probabilities=True
        )
        assert predictions.tolist() == result.pipeline.predict(frame.iloc[rows]).tolist()
        np.testing.assert_array_equal(probabilities, result.pipeline.predict_proba(frame.iloc[rows]))
