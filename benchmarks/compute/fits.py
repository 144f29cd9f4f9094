"""What the processes of joblib run. The rows are read once by each, as Dask sends them once."""

from functools import lru_cache

import joblib

from registry.search.objective import Objective


@lru_cache(maxsize=1)
def load(path: str):
    return joblib.load(path)


def fit(path: str, fold: int, candidate, metric: str) -> float:
    folds = load(path)
    return folds.measure(candidate, fold, Objective(metric, folds.classes)).score
