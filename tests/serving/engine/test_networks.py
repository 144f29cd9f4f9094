"""Dense networks: the engine predicts the bits of the artifact, and what a row is predicted alone, in a batch too."""

import io

import joblib
import numpy as np
import pytest

from registry import artifacts
from registry.estimators import algorithms
from registry.estimators.frameworks import extras
from registry.training.columns import feature_frame
from serving.engine import inference, verification
from serving.engine.networks import NetworkPredictor
from serving.inputs.reader import TypedRows
from tests.serving.engine.fits import COLUMNS, fit, table

QUICK = {"max_epochs": 3, "hidden_units": 16}
PYTORCH, KERAS = (
    pytest.mark.skipif(
        name not in extras.installed(), reason=f"{extras.FRAMEWORKS[name].title} is not installed"
    )
    for name in ("torch", "keras")
)
CASES = [
    *(
        pytest.param((name, QUICK | params, classes), marks=PYTORCH, id=f"{name}-{classes}-{activation}")
        for name, classes, activation in (
            ("TorchMLPClassifier", 2, "relu"),
            ("TorchMLPClassifier", 3, "tanh"),
            ("TorchMLPRegressor", 3, "logistic"),
        )
        for params in ({"activation": activation},)
    ),
    pytest.param(("KerasMLPClassifier", QUICK, 2), marks=KERAS, id="KerasMLPClassifier-2"),
    pytest.param(("KerasMLPClassifier", QUICK, 3), marks=KERAS, id="KerasMLPClassifier-3"),
    pytest.param(("KerasMLPRegressor", QUICK, 3), marks=KERAS, id="KerasMLPRegressor"),
    pytest.param(("MLPClassifier", {"max_iter": 5}, 2), id="MLPClassifier-2"),
    pytest.param(("MLPClassifier", {"max_iter": 5}, 3), id="MLPClassifier-3"),
    pytest.param(("MLPRegressor", {"max_iter": 5}, 3), id="MLPRegressor"),
]


@pytest.fixture(scope="module", params=CASES)
def result(request):
    name, params, classes = request.param
    return fit(algorithms.find(name), table(120, classes=classes), params)


@pytest.fixture(scope="module")
def loaded(result):
    with artifacts.dump(result.pipeline).file as file:
        file.seek(0)
        return joblib.load(io.BytesIO(file.read()))


def rows(count=80):
    """With gaps, categories that the training rows did not have, and values far away."""
    frame = feature_frame(table(count, seed=1), COLUMNS)
    frame.loc[frame.index[:5], "colour"] = "never seen"
    frame.loc[frame.index[5:8], "length"] = 1e6
    return frame


def predicted(pipeline, result, frame) -> tuple:
    engine = inference.build(pipeline, result.signature)
    assert isinstance(engine.predictor, NetworkPredictor)
    typed = TypedRows.from_frame(frame, COLUMNS)
    return engine.predict(typed, probabilities=result.signature["probabilities"])


def assert_equal(actual, pipeline, frame):
    assert np.array_equal(actual[0], pipeline.predict(frame))
    if actual[1] is not None:
        assert np.array_equal(actual[1], pipeline.predict_proba(frame))


@pytest.mark.parametrize("count", [1, 2, 80])
def test_the_engine_predicts_the_bits_of_the_artifact(result, loaded, count):
    assert_equal(predicted(loaded, result, rows(count)), loaded, rows(count))


def test_the_artifact_predicts_the_bits_of_the_fitted_pipeline(result, loaded):
    assert_equal(predicted(result.pipeline, result, rows()), loaded, rows())


def test_a_row_alone_is_predicted_as_in_a_batch_but_for_rounding(result, loaded):
    frame = rows(20)
    together, alone = (
        predicted(loaded, result, frame),
        [predicted(loaded, result, frame.iloc[[number]]) for number in range(20)],
    )
    place = 0 if together[1] is None else 1
    np.testing.assert_allclose([one[place][0] for one in alone], together[place], rtol=1e-12, atol=1e-14)


def test_verification_keeps_the_fast_engine(result):
    engine, golden = verification.verify(result.pipeline, result.signature, result.held_out)
    assert (engine.kind, engine.reason) == ("estimator", "")
    assert len(golden.rows) > verification.MAX_GOLDEN_ROWS


@PYTORCH
@pytest.mark.parametrize(
    "options", [{"threshold": 0.4}, {"calibration": "isotonic"}, {"calibration": "sigmoid"}], ids=str
)
def test_a_threshold_and_a_calibration_have_the_bits_of_the_artifact(options):
    result = fit(algorithms.find("TorchMLPClassifier"), table(120, classes=2), QUICK, **options)
    with artifacts.dump(result.pipeline).file as file:
        file.seek(0)
        pipeline = joblib.load(io.BytesIO(file.read()))
    engine = inference.build(pipeline, result.signature)
    assert_equal(engine.predict(TypedRows.from_frame(rows(), COLUMNS), probabilities=True), pipeline, rows())
