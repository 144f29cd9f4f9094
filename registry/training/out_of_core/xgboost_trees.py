"""XGBoost's trees, grown on batches of rows. Imported only where XGBoost is installed."""

from collections.abc import Callable

import numpy as np
import xgboost

from registry.training.out_of_core.booster_rows import Rows

BINS = 256  # unless a request sets them


class Batches(xgboost.DataIter):
    """The batches of the rows, or of those of a mask. XGBoost reads them four times: to count, sketch, and bin them."""

    def __init__(self, rows: Rows, types: list[str] | None, is_wanted: np.ndarray | None):
        self.rows, self.types, self.is_wanted, self.number = rows, types, is_wanted, 0
        super().__init__(release_data=True)

    def reset(self) -> None:
        self.number = 0

    def next(self, input_data) -> bool:
        while self.number < len(self.rows.encoded):
            numbers, block = self.rows.encoded.batch(self.number)
            self.number += 1
            if self.is_wanted is not None:
                mask = self.is_wanted[numbers]
                numbers, block = numbers[mask], block[mask]
            if len(numbers):
                weight = None if self.rows.weights is None else self.rows.weights[numbers]
                input_data(data=block, label=self.rows.y[numbers], weight=weight, feature_types=self.types)
                return True
        return False


class Progress(xgboost.callback.TrainingCallback):
    def __init__(self, rounds: int, report: Callable[[float], None]):
        self.rounds, self.report = rounds, report

    def after_iteration(self, model, epoch, evals_log) -> bool:
        self.report((epoch + 1) / self.rounds)
        return False


def train(fitted, rows: Rows, *, report: Callable[[float], None]) -> xgboost.Booster:
    """The booster of all rows, with the parameters of an estimator that is fitted on some."""
    params = fitted.get_xgb_params() | {"nthread": rows.threads}
    if getattr(fitted, "n_classes_", 2) > 2:
        params["num_class"] = fitted.n_classes_
    types = fitted.get_params()["feature_types"]
    count, bins = fitted.get_num_boosting_rounds(), params.get("max_bin") or BINS

    def matrix(numbers: np.ndarray | None = None, ref=None) -> xgboost.QuantileDMatrix:
        is_wanted = None
        if numbers is not None:
            is_wanted = np.zeros(len(rows.y), bool)
            is_wanted[numbers] = True
        batches = Batches(rows, types, is_wanted)
        options = {"max_bin": bins, "nthread": rows.threads, "enable_categorical": True}
        return xgboost.QuantileDMatrix(batches, ref=ref, **options)

    if rows.rounds:
        used = matrix(rows.parts[0])
        held = [(matrix(rows.parts[1], used), "held")]
        options = {"early_stopping_rounds": rows.rounds, "verbose_eval": False}
        count = xgboost.train(params, used, count, evals=held, **options).best_iteration + 1
        del used, held  # before the matrix of all rows
    return xgboost.train(params, matrix(), count, callbacks=[Progress(count, report)])
