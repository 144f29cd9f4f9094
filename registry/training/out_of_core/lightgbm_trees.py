"""LightGBM's trees, grown on batches of rows. Imported only where LightGBM is installed."""

from collections.abc import Callable

import lightgbm
import numpy as np

from registry.training.out_of_core.booster_rows import Rows
from registry.training.out_of_core.encoded_rows import EncodedRows

NOT_OF_A_DATASET = {
    *("num_iterations", "n_estimators", "early_stopping_round", "early_stopping_rounds"),
    *("num_threads", "n_jobs", "num_leaves"),
}


class LastBatch:
    """LightGBM draws rows one by one, in their order: the batch that has them stays in memory."""

    def __init__(self, encoded: EncodedRows):
        self.encoded, self.number, self.block = encoded, -1, None

    def rows(self, number: int) -> np.ndarray:
        if number != self.number:
            self.block = None
            self.number, self.block = number, self.encoded.batch(number)[1]
        return self.block


class Batch(lightgbm.Sequence):
    def __init__(self, last: LastBatch, number: int):
        starts = last.encoded.starts
        self.last, self.number, self.batch_size = last, number, int(starts[number + 1] - starts[number])

    def __len__(self) -> int:
        return self.batch_size

    def __getitem__(self, index):
        return self.last.rows(self.number)[index]


def train(fitted, rows: Rows, *, report: Callable[[float], None]) -> lightgbm.Booster:
    """The booster of all rows, with the parameters of an estimator that is fitted on some."""
    asked, order, last = fitted.get_params(), rows.encoded.order, LastBatch(rows.encoded)
    params = {name: value for name, value in fitted.booster_.params.items() if name not in NOT_OF_A_DATASET}
    params |= {"num_threads": rows.threads, "num_leaves": min(asked["num_leaves"], max(len(rows.y), 2))}
    count = asked["n_estimators"]
    data = lightgbm.Dataset(
        [batch for batch in (Batch(last, number) for number in range(len(rows.encoded))) if len(batch)],
        label=rows.y[order],
        weight=None if rows.weights is None else rows.weights[order],
        params=params,
    )
    if rows.rounds:
        data.construct()
        places = np.empty(len(order), "int64")
        places[order] = np.arange(len(order))
        used, held = (data.subset(np.sort(places[part]).tolist()) for part in rows.parts)
        stop = lightgbm.early_stopping(rows.rounds, verbose=False)
        trial = lightgbm.train(params, used, count, valid_sets=[held], callbacks=[stop])
        if not trial.best_iteration:
            raise ValueError("Early stopping is not possible with dropout; leave it out, or use other trees.")
        count = trial.best_iteration
        del trial, used, held
    progress = [lambda env: report((env.iteration + 1) / env.end_iteration)]
    return lightgbm.train(params, data, count, callbacks=progress)
