"""Predict on an encoded array with the boosters of optional frameworks: one call of the library, in one thread.

Their estimators take several times as long for a row: they check it, and XGBoost's make another copy of it. The
arithmetic after the call is that of the estimators, so each result has their bits.
"""

from __future__ import annotations

import ctypes
import weakref

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
    """An estimator of LightGBM. A single row takes the path of its C interface for one, a third of the time."""

    kind = "estimator"
    nbytes = 0

    def __init__(self, estimator):
        self.booster = estimator.booster_
        self.classes = getattr(estimator, "classes_", None)
        self.row = SingleRow.of(self.booster)

    def predict(self, encoded, *, probabilities):
        check_range(encoded)
        if len(encoded) == 1 and self.row:
            values = self.row(encoded)
        else:
            values = self.booster.predict(encoded, num_threads=1, validate_features=False)
        return _outputs(values, self.classes, probabilities)

    def decision(self, encoded: np.ndarray) -> np.ndarray:
        """The decision function (rows,) of two classes."""
        check_range(encoded)
        return self.booster.predict(encoded, raw_score=True, num_threads=1, validate_features=False)


class SingleRow:
    """LGBM_BoosterPredictForMatSingleRowFast of https://lightgbm.readthedocs.io/en/stable/C-API.html.

    Its Python package does not offer it. LightGBM locks the booster, so threads can share this.
    """

    def __init__(self, booster):
        from lightgbm import basic

        self.library, self.check = basic._LIB, basic._safe_call
        self.booster, self.config = booster, ctypes.c_void_p()
        self.outputs = booster.num_model_per_iteration()
        normal, first, all_trees, float64 = (ctypes.c_int(value) for value in (0, 0, -1, 1))
        width, parameters = ctypes.c_int32(booster.num_feature()), ctypes.c_char_p(b"num_threads=1")
        arguments = (booster._handle, normal, first, all_trees, float64, width, parameters)
        prepare = self.library.LGBM_BoosterPredictForMatSingleRowFastInit
        self.check(prepare(*arguments, ctypes.byref(self.config)))
        weakref.finalize(self, self.library.LGBM_FastConfigFree, self.config)

    @classmethod
    def of(cls, booster) -> SingleRow | None:
        """None for a version of LightGBM that has changed what this uses."""
        try:
            return cls(booster)
        except AttributeError:
            return None

    def __call__(self, encoded: np.ndarray) -> np.ndarray:
        """One row (1, columns) -> what the booster predicts: (1,), or (1, classes)."""
        row, values, count = np.ascontiguousarray(encoded, float), np.empty(self.outputs), ctypes.c_int64()
        data, out = ctypes.c_void_p(row.ctypes.data), ctypes.c_void_p(values.ctypes.data)
        predict = self.library.LGBM_BoosterPredictForMatSingleRowFast
        self.check(predict(self.config, data, ctypes.byref(count), out))
        return values if self.outputs == 1 else values[None]


def catboost_cells(encoded: np.ndarray, categories: int) -> np.ndarray:
    """Encoded rows as CatBoost takes them: the first columns, of categories, as integers."""
    if not categories:
        return encoded
    cells = encoded.astype(object)
    cells[:, :categories] = np.nan_to_num(encoded[:, :categories], nan=-1).astype(np.int64)
    return cells


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
        cells = catboost_cells(encoded, self.categories)
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
