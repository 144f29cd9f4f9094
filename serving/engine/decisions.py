"""Predict with the threshold and the calibration of a binary classifier: the arithmetic of scikit-learn's wrappers.

The classifier inside keeps its own predictor, so trees stay compiled. Each result has the bits of the wrapper's.
"""

from collections.abc import Callable

import numpy as np


class ThresholdPredictor:
    """A FixedThresholdClassifier on probabilities."""

    def __init__(self, model, inner):
        self.inner, self.kind, self.nbytes = inner, inner.kind, inner.nbytes
        self.threshold, self.positive = (
            model.threshold,
            int(np.flatnonzero(model.classes_ == model.pos_label)[0]),
        )
        self.labels = model.classes_[[1 - self.positive, self.positive]]

    def predict(self, encoded: np.ndarray, *, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
        _, scores = self.inner.predict(encoded, probabilities=True)
        is_positive = scores[:, self.positive] >= self.threshold
        return self.labels.take(is_positive.astype(np.intp)), scores if probabilities else None


class CalibratedPredictor:
    """A CalibratedClassifierCV of one classifier for two classes."""

    def __init__(self, model, inner):
        self.inner, self.kind, self.nbytes = inner, inner.kind, inner.nbytes
        [calibrated] = model.calibrated_classifiers_
        self.has_decision = hasattr(calibrated.estimator, "decision_function")
        self.calibrate = _calibration(calibrated.calibrators[0])
        self.classes = model.classes_

    def predict(self, encoded, *, probabilities):
        if self.has_decision:
            scores = self.inner.decision(encoded)
        else:
            scores = self.inner.predict(encoded, probabilities=True)[1][:, 1]
        calibrated = np.empty((len(encoded), 2))
        calibrated[:, 1] = self.calibrate(np.ascontiguousarray(scores))
        calibrated[:, 0] = 1.0 - calibrated[:, 1]
        calibrated[(calibrated > 1.0) & (calibrated <= 1.0 + 1e-5)] = 1.0
        return self.classes.take(calibrated.argmax(axis=1)), calibrated if probabilities else None


def has_threshold(model) -> bool:
    return type(model).__name__ == "FixedThresholdClassifier" and (
        model.response_method == "predict_proba" and model.pos_label is not None and model.threshold != "auto"
    )


def is_calibrated(model) -> bool:
    return type(model).__name__ == "CalibratedClassifierCV" and (
        len(model.calibrated_classifiers_) == 1
        and len(model.classes_) == 2
        and model.method in {"sigmoid", "isotonic"}
    )


def _calibration(calibrator) -> Callable[[np.ndarray], np.ndarray]:
    """The predict() of a fitted calibrator without its checks."""
    from scipy.special import expit

    if hasattr(calibrator, "a_"):
        return lambda scores: expit(-(calibrator.a_ * scores + calibrator.b_))
    low, high = calibrator.X_min_, calibrator.X_max_
    return lambda scores: calibrator.f_(np.clip(scores, low, high)).astype(scores.dtype)
