"""The overhead of a training job: the same scikit-learn work as a script and as a job, in one run.

    .venv/bin/python benchmarks/training.py [rounds]

Bare is a separate script: it starts, reads the CSV, fits the same pipeline, measures it and saves it. The job is
requested with POST /train of a platform that `manage.py run` started, and timed from the request to the answer.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas

ROOT = Path(__file__).resolve().parent.parent
PORT = 8931
TREES, ROWS = 600, 6_000

BARE = """
import sys, joblib, pandas
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

frame = pandas.read_csv(sys.argv[1])
X, y = frame.drop(columns="target"), frame["target"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42, stratify=y)
columns = ColumnTransformer([("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), list(X))])
model = make_pipeline(columns, RandomForestClassifier(n_estimators=int(sys.argv[3]), random_state=42))
model.fit(X_train, y_train)
classification_report(y_test, model.predict(X_test), output_dict=True)
model.predict_proba(X_test)
joblib.dump(model, sys.argv[2])
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        write_table(table)
        environment = os.environ | {"DATA_DIR": f"{folder}/data", "PORT": str(PORT), "OMP_NUM_THREADS": "1"}
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
                bare.append(timed(lambda: run_bare(table, folder, environment)))
                jobs.append(timed(lambda: run_job(token)))
                time.sleep(5)
        finally:
            platform.terminate()
            platform.wait(30)
    report(bare, jobs)


def write_table(path: Path) -> None:
    chance = np.random.default_rng(0)
    numbers = chance.normal(size=(ROWS, 20)).round(4)
    frame = pandas.DataFrame(numbers, columns=[f"x{n}" for n in range(20)])
    frame["target"] = (numbers[:, :4].sum(axis=1) + chance.normal(size=ROWS) > 0).astype(int)
    frame.to_csv(path, index=False)


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run_bare(table: Path, folder: str, environment: dict) -> None:
    command = [sys.executable, "-c", BARE, str(table), f"{folder}/bare.pkl", str(TREES)]
    subprocess.run(command, env=environment, check=True)


def run_job(token: str) -> None:
    body = {
        "dataset_name": "table",
        "model": {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": TREES}},
        "target_column": "target",
    }
    status, answer = call("/train", token, json.dumps(body).encode(), "application/json", Prefer="wait=60")
    assert status == 201, answer


def upload(table: Path, token: str) -> None:
    parts = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="table.csv"\r\n\r\n',
        table.read_bytes(),
        b"\r\n--b--\r\n",
    )
    status, answer = call("/datasets/upload", token, b"".join(parts), "multipart/form-data; boundary=b")
    assert status == 201, answer


def call(path: str, token: str, body: bytes, content_type: str, **headers) -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}",
        data=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": content_type} | headers,
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.status, response.read().decode()


def report(bare: list[float], jobs: list[float]) -> None:
    print("| round | bare s | job s | overhead s |\n|---|---|---|---|")
    for number, (alone, job) in enumerate(zip(bare, jobs, strict=True), start=1):
        print(f"| {number} | {alone:.1f} | {job:.1f} | {job - alone:+.1f} |")
    alone, job = statistics.median(bare), statistics.median(jobs)
    print(f"| median | {alone:.1f} | {job:.1f} | {job - alone:+.1f}, allowed {3 + alone / 10:.1f} |")


if __name__ == "__main__":
    main()
