"""The quality of an automatic training group against FLAML and a default HistGradientBoosting, in one run.

    .venv/bin/python -m benchmarks.automl                               # ten tables, 60 seconds each
    .venv/bin/python -m benchmarks.automl --seconds 5 --tables wine orders

All three train on the same rows with the same two cores, one after the other, and are measured on the same held-out
rows. FLAML is installed into .venv-peers/flaml (once). The platform is started as `make run` does, and its group is
requested with POST /train; its seconds are from the request to the answer. The default is fitted once.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from benchmarks.automl.tables import TARGET, Table, tables
from benchmarks.peer_servers import ENVIRONMENTS, HERE, install
from benchmarks.platforms import PASSWORD, Platform

SYSTEMS = ("platform", "flaml", "default")
CORES = 2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60, help="the time budget of each table")
    parser.add_argument("--tables", nargs="*", help="the names of some tables")
    options = parser.parse_args()
    install("flaml")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # which all processes inherit
    chosen = [table for table in tables() if not options.tables or table.name in options.tables]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        platform = Platform(folder)
        try:
            platform.token = platform.call("/auth/token", {"username": "admin", "password": PASSWORD})[
                "token"
            ]
            results = [compare(table, platform, options.seconds, folder) for table in chosen]
        finally:
            platform.stop()
    report(chosen, results)


def compare(table: Table, platform: Platform, seconds: int, folder: Path) -> dict[str, dict]:
    train, test = table.parts()
    result = {
        "platform": ours(table, train, test, platform, seconds),
        "flaml": flaml(table, train, test, seconds, folder),
        "default": default(table, train, test),
    }
    shown = {name: f"{one['score']:.4f} in {one['seconds']:.0f} s" for name, one in result.items()}
    print(table.name, table.metric, shown, result["platform"]["model"], flush=True)
    return result


def ours(table: Table, train, test, platform: Platform, seconds: int) -> dict:
    """A column says which rows the platform measures on."""
    frame = pandas.concat([train.assign(part="train"), test.assign(part="test")])
    platform.upload(f"{table.name}.csv", frame.to_csv(index=False).encode())
    started = time.perf_counter()
    request = {
        "dataset_name": table.name,
        "target_column": TARGET,
        "split": {"method": "column", "column": "part"},
        "auto": {"time_budget_s": seconds, "metric": table.metric, "task": table.task},
    }
    answer = platform.call("/train", request, Prefer="respond-async")
    while (group := platform.get(answer["url"]))["state"] in ("queued", "running"):
        time.sleep(0.5)
    took = time.perf_counter() - started
    assert group["state"] == "succeeded", group["error"]
    result = group["result"]
    measured = platform.get(f"/models/{result['dataset']}/{result['version']}")["metrics"]
    return {
        "score": measured[table.metric],
        "interval": measured["intervals"].get(table.metric),
        "seconds": took,
        "model": f"{group['trials'][0]['algorithm']} of {len(group['trials'])} trials",
    }


def flaml(table: Table, train, test, seconds: int, folder: Path) -> dict:
    paths = [folder / "train.csv", folder / "test.csv"]
    for path, part in zip(paths, (train, test), strict=True):
        part.to_csv(path, index=False)
    python = ENVIRONMENTS / "flaml" / "bin" / "python"
    command = [python, HERE / "automl.py", *paths, TARGET, table.task, table.metric, str(seconds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def default(table: Table, train, test) -> dict:
    started = time.perf_counter()
    X, X_test = (part.drop(columns=TARGET) for part in (train, test))
    texts = [name for name in X if not pandas.api.types.is_numeric_dtype(X[name])]
    for name in texts:
        kind = pandas.CategoricalDtype(sorted(X[name].dropna().unique()))
        X, X_test = (
            X.assign(**{name: X[name].astype(kind)}),
            X_test.assign(**{name: X_test[name].astype(kind)}),
        )
    cls = HistGradientBoostingRegressor if table.metric == "r2" else HistGradientBoostingClassifier
    model = cls(random_state=0).fit(X, train[TARGET])
    return {
        "score": score(model, X_test, test[TARGET], table.metric),
        "seconds": time.perf_counter() - started,
    }


def score(model, X, y, metric: str) -> float:
    if metric == "r2":
        return metrics.r2_score(y, model.predict(X))
    probabilities = model.predict_proba(X)
    if metric == "roc_auc":
        return metrics.roc_auc_score(y == model.classes_[1], probabilities[:, 1])
    return metrics.log_loss(y, probabilities, labels=model.classes_)


def report(chosen: list[Table], results: list[dict]) -> None:
    ranks = []
    print(f"\n| table | metric | {' | '.join(SYSTEMS)} | interval of the platform | best model |")
    print("|---|---|" + "---|" * (len(SYSTEMS) + 2))
    for table, result in zip(chosen, results, strict=True):
        scores = [result[system]["score"] for system in SYSTEMS]
        gains = [-value if table.metric == "log_loss" else value for value in scores]
        ranks.append(pandas.Series(gains).rank(ascending=False).tolist())
        low, high = result["platform"]["interval"] or (np.nan, np.nan)
        cells = " | ".join(f"{value:.4f}" for value in scores)
        model = result["platform"]["model"]
        print(f"| {table.name} | {table.metric} | {cells} | {low:.4f} to {high:.4f} | {model} |")
    means = " | ".join(f"{rank:.2f}" for rank in np.mean(ranks, axis=0))
    seconds = " | ".join(
        f"{np.mean([result[system]['seconds'] for result in results]):.0f}" for system in SYSTEMS
    )
    print(f"| mean rank | | {means} | | |\n| mean seconds | | {seconds} | | |")


if __name__ == "__main__":
    main()
