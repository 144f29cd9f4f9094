"""One encoded row through the inference engine, against the bare call of each framework that is installed, by turns.

    .venv/bin/python -m benchmarks.frameworks [rounds]

Bare is the fastest call of the library for a row that is an array already: the booster's own predict, or of PyTorch the
module in evaluation mode, without gradients, on a tensor. Both run in one thread. It prints the median of the rounds.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

CALLS, COLUMNS, CATEGORIES = 300, 12, 2


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print("| one row | engine | bare | engine / bare |\n|---|---|---|---|")
    for title, pair in pairs():
        engine, bare = measured(pair, rounds)
        print(f"| {title} | {engine:.1f} µs | {bare:.1f} µs | {engine / bare:.2f} |", flush=True)


def pairs():
    """The title, and the calls of the engine and of the library, of each framework that is installed."""
    from registry.estimators import algorithms
    from registry.estimators.frameworks import extras, fitting
    from serving.engine.predictors import predictor_for

    X, y, codes = table()
    for framework, name in (
        ("xgboost", "XGBRegressor"),
        ("lightgbm", "LGBMRegressor"),
        ("torch", "TorchMLPRegressor"),
    ):
        if framework not in extras.installed():
            continue
        params = {"max_epochs": 5} if framework == "torch" else {"n_estimators": 100}
        estimator = algorithms.build(algorithms.find(name), params, 0)
        rows = X
        if framework == "torch":
            rows = np.column_stack([codes, X])
            fitting.set_native_categories(estimator, CATEGORIES)
        fitting.fit(estimator, rows, y)
        predictor, row = predictor_for(estimator), np.asfortranarray(rows[:1])
        title = f"{extras.FRAMEWORKS[framework].title}, {name}"
        bare = BARE[framework](estimator, rows[:1])
        yield title, (lambda p=predictor, r=row: p.predict(r, probabilities=False), bare)


def table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(3_000, COLUMNS))
    codes = random.integers(0, 20, size=(3_000, CATEGORIES)).astype(float)
    return X, X[:, 0] * X[:, 1] + X[:, 2] + codes[:, 0], codes


def bare_xgboost(estimator, row: np.ndarray) -> Callable:
    booster = estimator.get_booster()
    return lambda: booster.inplace_predict(row, validate_features=False)


def bare_lightgbm(estimator, row: np.ndarray) -> Callable:
    return lambda: estimator.booster_.predict(row, num_threads=1)


def bare_torch(estimator, row: np.ndarray) -> Callable:
    """The same network in PyTorch: what it computes does not depend on its weights."""
    import torch

    from registry.estimators.networks.torch_network import Module

    torch.set_num_threads(1)
    embeddings, hidden = estimator.network_
    tables = [(21, step[-1].kw_args["b"].shape[1]) for _, step, _ in embeddings.transformers_[:CATEGORIES]]
    widths = [len(hidden.coefs_[0]), *(len(layer) for layer in hidden.intercepts_)]
    module = Module(tables, widths, activation="relu", dropout=0).eval()
    codes = torch.from_numpy(row[:, :CATEGORIES].astype(np.int64))
    numbers = torch.from_numpy(row[:, CATEGORIES:].astype(np.float32))

    def call():
        with torch.inference_mode():
            return module(codes, numbers)

    return call


BARE = {"xgboost": bare_xgboost, "lightgbm": bare_lightgbm, "torch": bare_torch}


def measured(calls: tuple, rounds: int) -> list[float]:
    """The microseconds of a call of each, in rounds by turns."""
    from registry.estimators import threads

    times = [[] for _ in calls]
    with threads.limited_to(1):
        for _ in range(rounds):
            for call, found in zip(calls, times, strict=True):
                started = time.perf_counter()
                for _ in range(CALLS):
                    call()
                found.append((time.perf_counter() - started) / CALLS * 1e6)
    return [statistics.median(found) for found in times]


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")
    django.setup()
    main()
