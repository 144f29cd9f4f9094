"""Trainings of a table that does not fit in memory: seconds and the peak of the memory of each algorithm.

    .venv/bin/python -m benchmarks.out_of_core                                          # 10,000,000 rows, 4,000 MB
    .venv/bin/python -m benchmarks.out_of_core --rows 1000000 --memory-mb 500 --algorithms XGBClassifier

The platform is started as `make run` does, with this `TRAIN_MEMORY_MB`; the worker measures the memory of the process
of a training ten times a second. An algorithm that needs all rows at once is refused, with the sentence of the answer.
The table is generated, and deleted at the end: 118 bytes a row as CSV.
"""

import argparse
import json
import os
import tempfile
import time
import urllib.error
from pathlib import Path

import numpy as np
import pandas

from benchmarks.platforms import PASSWORD, Platform

BLOCK = 500_000
NUMBERS, CITIES, PRODUCTS = 12, 50, 200
FEW = {"n_estimators": 100}
ALGORITHMS = {
    "XGBClassifier": ("xgboost", FEW),
    "LGBMClassifier": ("lightgbm", FEW),
    "SGDClassifier": ("linear_model", {"loss": "log_loss"}),
    "Perceptron": ("linear_model", {}),
    "GaussianNB": ("naive_bayes", {}),
    "BernoulliNB": ("naive_bayes", {}),
    "MLPClassifier": ("neural_network", {"max_iter": 5}),
    "RandomForestClassifier": ("ensemble", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--memory-mb", type=int, default=4_000)
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        write_table(table, options.rows)
        size_mb = round(table.stat().st_size / 1e6)
        print(f"{options.rows:,} rows, {size_mb:,} MB, limit {options.memory_mb:,} MB", flush=True)
        os.environ |= {"TRAIN_MEMORY_MB": str(options.memory_mb), "MAX_UPLOAD_MB": str(size_mb + 100)}
        platform = Platform(Path(folder))
        try:
            platform.token = platform.call("/auth/token", {"username": "admin", "password": PASSWORD})[
                "token"
            ]
            upload(platform, table)
            for name in options.algorithms:
                print(f"| {name} | {trained(platform, name)} |", flush=True)
        finally:
            platform.stop()


def write_table(path: Path, rows: int) -> None:
    chance = np.random.default_rng(0)
    cities = np.array([f"City {number}" for number in range(CITIES)])
    products = np.array([f"product {number}" for number in range(PRODUCTS)])
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        numbers = chance.normal(size=(count, NUMBERS)).round(4)
        frame = pandas.DataFrame(numbers, columns=[f"x{number}" for number in range(NUMBERS)])
        frame["age"] = chance.integers(18, 90, count)
        city, product = chance.integers(0, CITIES, count), chance.integers(0, PRODUCTS, count)
        frame["city"], frame["product"] = cities[city], products[product]
        score = numbers[:, :3].sum(axis=1) + (city % 7 - 3) / 3 + (product % 11 - 5) / 5
        frame["target"] = np.where(score + chance.normal(size=count) > 0, "yes", "no")
        frame.to_csv(path, index=False, mode="a", header=not start)


def upload(platform: Platform, table: Path) -> None:
    platform.upload(table.name, table.read_bytes())
    while True:
        try:
            platform.get("/datasets/table")
        except urllib.error.HTTPError:
            time.sleep(2)
        else:
            return


def trained(platform: Platform, name: str) -> str:
    """The seconds, the peak and the accuracy of a training, or why it was refused."""
    module, params = ALGORITHMS[name]
    body = {"model": {"module": module, "class": name, "params": params}, "target_column": "target"}
    start = time.perf_counter()
    try:
        answer = platform.call("/train", {"dataset_name": "table"} | body, Prefer="wait=1")
    except urllib.error.HTTPError as error:
        return json.load(error)["detail"]
    job = answer.get("job", answer.get("id"))
    number = job["id"] if isinstance(job, dict) else job
    while not (job := platform.get(f"/jobs/{number}"))["finished_at"]:
        time.sleep(0.5)
    if job["state"] != "succeeded":
        return f"{job['state']}: {job['error']}"
    model = platform.get(f"/models/table/{job['result']['version']}")
    peak = round(job["memory_peak_bytes"] / 1024**2)
    accuracy = model["metrics"]["accuracy"]
    seconds = time.perf_counter() - start
    return f"{seconds:,.0f} s | {peak:,} MB | {accuracy:.4f} | {model['trained'] or 'In memory.'}"


if __name__ == "__main__":
    main()
