"""A training job against the best bare scikit-learn script for the same model, by turns in one run.

    .venv/bin/python benchmarks/training.py [rows [rounds]]

Bare is a script that starts, reads a Parquet file with its texts as categories, fits HistGradientBoosting on its native
categories with all cores, measures it and saves it. The job is requested with POST /train of a platform that
`manage.py run` started, and timed from the request to the answer; it also chooses how to prepare each column, verifies
the inference engine and the golden rows, and computes intervals and a baseline. The table is generated, and deleted at
the end.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas

ROOT = Path(__file__).resolve().parent.parent
PORT = 8931
ITERATIONS = 100
CITIES, PRODUCTS = 50, 200

BARE = """
import sys, joblib, pyarrow.parquet
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import classification_report, roc_auc_score
from sklearn.model_selection import train_test_split

texts = ["city", "product"]
frame = pyarrow.parquet.read_table(sys.argv[1], read_dictionary=texts).to_pandas()
X, y = frame.drop(columns="target"), frame["target"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42, stratify=y)
model = HistGradientBoostingClassifier(max_iter=int(sys.argv[3]), early_stopping=False, random_state=42)
model.fit(X_train, y_train)
classification_report(y_test, model.predict(X_test), output_dict=True)
roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
joblib.dump(model, sys.argv[2])
"""


def main() -> None:
    rows, rounds = [*map(int, sys.argv[1:]), *(300_000, 3)[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        write_table(table, rows)
        environment = os.environ | {"DATA_DIR": f"{folder}/data", "PORT": str(PORT)}
        platform = subprocess.Popen(
            [sys.executable, "manage.py", "run"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            while not (line := platform.stdout.readline()).startswith("Ready"):
                assert line, "the platform did not start"
            token = subprocess.run(
                [sys.executable, "manage.py", "api_token", "admin"],
                cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
            ).stdout.strip()  # fmt: skip
            upload(table, token)
            time.sleep(5)  # the worker's child has imported everything, as on an idle platform
            bare, jobs = [], []
            for _ in range(rounds):
                bare.append(run_bare(table.with_suffix(".parquet"), folder, environment))
                jobs.append(run_job(token))
                time.sleep(5)
        finally:
            platform.terminate()
            platform.wait(30)
    report(bare, jobs)


def write_table(path: Path, rows: int) -> None:
    chance = np.random.default_rng(0)
    numbers = chance.normal(size=(rows, 5)).round(4)
    frame = pandas.DataFrame(numbers, columns=[f"x{number}" for number in range(5)])
    frame["age"] = chance.integers(18, 90, rows)
    city, product = chance.integers(0, CITIES, rows), chance.integers(0, PRODUCTS, rows)
    frame["city"] = np.array([f"City {number}" for number in range(CITIES)])[city]
    frame["product"] = np.array([f"product {number}" for number in range(PRODUCTS)])[product]
    score = numbers[:, :3].sum(axis=1) + (city % 7 - 3) / 3 + (product % 11 - 5) / 5
    frame["target"] = np.where(score + chance.normal(size=rows) > 0, "yes", "no")
    frame.to_csv(path, index=False)
    frame.to_parquet(path.with_suffix(".parquet"), index=False)


def run_bare(table: Path, folder: str, environment: dict) -> tuple[float, float]:
    """The seconds, and the peak of the memory in MB."""
    start = time.perf_counter()
    command = [sys.executable, "-c", BARE, str(table), f"{folder}/bare.pkl", str(ITERATIONS)]
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def run_job(token: str) -> tuple[float, float]:
    """The seconds, and the peak of the memory in MB, which the worker measures ten times a second."""
    start = time.perf_counter()
    params = {"max_iter": ITERATIONS, "early_stopping": False}
    body = {
        "dataset_name": "table",
        "model": {"module": "ensemble", "class": "HistGradientBoostingClassifier", "params": params},
        "target_column": "target",
    }
    _, answer = call("/train", token, json.dumps(body).encode(), "application/json", Prefer="wait=60")
    job = json.loads(answer)
    job = job.get("job", job)
    job = job["id"] if isinstance(job, dict) else job
    while not (found := json.loads(call(f"/jobs/{job}", token)[1]))["finished_at"]:
        time.sleep(0.2)
    assert found["state"] == "succeeded", found
    return time.perf_counter() - start, found["memory_peak_bytes"] / 1024**2


def upload(table: Path, token: str) -> None:
    parts = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="table.csv"\r\n\r\n',
        table.read_bytes(),
        b"\r\n--b--\r\n",
    )
    status, answer = call("/datasets/upload", token, b"".join(parts), "multipart/form-data; boundary=b")
    assert status in (201, 202), answer
    for _ in range(600):
        try:
            call("/datasets/table", token)
        except urllib.error.HTTPError:
            time.sleep(1)
        else:
            break


def call(
    path: str, token: str, body: bytes | None = None, content_type: str = "application/json", **headers
) -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}",
        data=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": content_type} | headers,
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.status, response.read().decode()


def report(bare: list[tuple], jobs: list[tuple]) -> None:
    print("| round | bare, s | job, s | ratio | bare, MB | job, MB | ratio |\n|---|---|---|---|---|---|---|")
    rows = [
        (own[0], job[0], job[0] / own[0], own[1], job[1], job[1] / own[1])
        for own, job in zip(bare, jobs, strict=True)
    ]
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    for number, row in [*enumerate(rows, 1), ("median", medians)]:
        print("| {} | {:.1f} | {:.1f} | {:.2f} | {:.0f} | {:.0f} | {:.2f} |".format(number, *row))


if __name__ == "__main__":
    main()
