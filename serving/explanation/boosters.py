"""The TreeSHAP of XGBoost, LightGBM and CatBoost themselves, on their own raw output. No Django."""

import weakref

import numpy as np

from registry.estimators.frameworks import extras
from serving.engine.boosters import catboost_cells

# The losses whose raw output is the logarithm of the prediction.
LOG_LOSSES = {"count:poisson", "reg:gamma", "reg:tweedie", "poisson", "gamma", "tweedie", "Poisson"}
LOSS_NAMES = ("objective", "loss_function")


class BoosterSum:
    """The Shapley values of a fitted estimator, in the units of its leaves. It does not keep the estimator alive."""

    nbytes = 0

    def __init__(self, estimator):
        classes = len(getattr(estimator, "classes_", ()))
        self.outputs = classes if classes > 2 else 1
        self.values = VALUES[extras.of_estimator(estimator).name]
        self.estimator = weakref.ref(estimator)

    def explain(self, encoded: np.ndarray, output: int) -> tuple[float, np.ndarray]:
        """The base value and the contribution of each encoded column, for one encoded row."""
        values = self.values(self.estimator(), encoded[None])
        values = np.asarray(values, dtype=float).reshape(self.outputs, -1)[output]
        return float(values[-1]), values[:-1]


def has_log_link(estimator) -> bool:
    params = estimator.get_params()
    return any(params.get(name) in LOG_LOSSES for name in LOSS_NAMES)


def _xgboost(estimator, encoded: np.ndarray) -> np.ndarray:
    from xgboost import DMatrix

    booster = estimator.get_booster()
    rows = DMatrix(encoded, feature_types=booster.feature_types, enable_categorical=True, nthread=1)
    return booster.predict(rows, pred_contribs=True)


def _lightgbm(estimator, encoded: np.ndarray) -> np.ndarray:
    values = estimator.booster_.predict(encoded, pred_contrib=True, num_threads=1)
    # A random forest predicts the mean of its trees, but explains their sum.
    return values / estimator.booster_.current_iteration() if estimator.boosting_type == "rf" else values


def _catboost(estimator, encoded: np.ndarray) -> np.ndarray:
    from catboost import Pool

    categories = estimator.get_cat_feature_indices()
    rows = Pool(catboost_cells(encoded, len(categories)), cat_features=categories)
    return estimator.get_feature_importance(rows, type="ShapValues", thread_count=1)


VALUES = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}
