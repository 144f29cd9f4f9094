"""Predict on an encoded array with the boosters of optional frameworks: one call of the library, in one thread.

Their estimators take several times as long for a row: they check it, and XGBoost's make another copy of it. The
arithmetic after the call is that of the estimators, so each result has their bits.
"""

import numpy as np

from serving.engine.trees import check_range


class XGBoostPredictor:
    """An estimator of XGBoost, whose classes are numbers from 0."""

    kind = "estimator"
    nbytes = 0

    def __init__(self, estimator):
        self.booster = estimator.get_booster()
        self.booster.set_param({"nthread": 1})
        self.classes = getattr(estimator, "classes_", None)

    def predict(self, encoded: np.ndarray, *, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Encoded rows (rows, columns) -> predictions (rows,) and, if requested, probabilities (rows, classes)."""
        check_range(encoded)
        values = self.booster.inplace_predict(encoded, validate_features=False)
        return _outputs(values, self.classes, probabilities)


class LightGBMPredictor:
    """An estimator of LightGBM."""

    kind = "estimator"
    nbytes = 0

    def __init__(self, estimator):
        self.booster = estimator.booster_
        self.classes = getattr(estimator, "classes_", None)

    def predict(self, encoded, *, probabilities):
        check_range(encoded)
        values = self.booster.predict(encoded, num_threads=1, validate_features=False)
        return _outputs(values, self.classes, probabilities)

    def decision(self, encoded: np.ndarray) -> np.ndarray:
        """The decision function (rows,) of two classes."""
        check_range(encoded)
        return self.booster.predict(encoded, raw_score=True, num_threads=1, validate_features=False)


class CatBoostPredictor:
    """An estimator of CatBoost, which takes categories as integers: -1 is a missing or unseen one."""

    kind = "estimator"
    nbytes = 0

    def __init__(self, estimator):
        self.estimator, self.categories = estimator, len(estimator.get_cat_feature_indices())
        self.classes = getattr(estimator, "classes_", None)
        self.is_classifier = hasattr(type(estimator), "predict_proba")

    def predict(self, encoded, *, probabilities):
        check_range(encoded)
        cells = encoded
        if self.categories:
            cells = encoded.astype(object)
            codes = np.nan_to_num(encoded[:, : self.categories], nan=-1)
            cells[:, : self.categories] = codes.astype(np.int64)
        if not self.is_classifier:
            return self.estimator.predict(cells, thread_count=1), None
        return _outputs(self.estimator.predict_proba(cells, thread_count=1), self.classes, probabilities)


class LabelledPredictor:
    """A vote of one estimator, which gives the numbers that it predicts the names of classes."""

    def __init__(self, model, inner):
        self.inner, self.kind, self.nbytes = inner, inner.kind, inner.nbytes
        self.classes = getattr(model, "classes_", None)

    def predict(self, encoded, *, probabilities):
        if self.classes is None:
            return self.inner.predict(encoded, probabilities=False)
        scores = self.inner.predict(encoded, probabilities=True)[1]
        return self.classes.take(scores.argmax(axis=1)), scores if probabilities else None


PREDICTORS = {"xgboost": XGBoostPredictor, "lightgbm": LightGBMPredictor, "catboost": CatBoostPredictor}


def _outputs(values: np.ndarray, classes, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
    if classes is None:
        return values, None
    if values.ndim == 1:
        values = np.vstack((1.0 - values, values)).T
    return classes.take(values.argmax(axis=1)), values if probabilities else None
