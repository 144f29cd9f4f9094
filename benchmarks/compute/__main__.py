"""The trials of a search on a cluster of Dask, against the same fits by joblib, by turns in one run.

    .venv/bin/python -m benchmarks.compute [trials [rounds]]

Dask has a scheduler and two workers of one thread, as `COMPUTE=dask` starts them. joblib has two processes, and gets
all trials at once, as no search does. Both fit and score the same trials on the same folds with the same code, in one
thread each. Both are warm. The last table fits one forest and measures one permutation importance, on both engines.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import numpy as np
import pandas

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "tcp://127.0.0.1:9150"
WORKERS = 2
RANGES = {
    "n_estimators": {"low": 20, "high": 80},
    "max_depth": {"low": 2, "high": 16},
    "max_features": {"low": 0.1, "high": 1},
}


def main() -> None:
    trials, rounds = [*map(int, sys.argv[1:]), *(40, 3)[len(sys.argv) - 1 :]]
    started = [subprocess.Popen([sys.executable, "-m", "mlplatform.compute", "scheduler"], cwd=ROOT)]
    started += [
        subprocess.Popen([sys.executable, "-m", "mlplatform.compute", "worker"], cwd=ROOT)
        for _ in range(WORKERS)
    ]
    try:
        measure(trials, rounds)
    finally:
        for process in started:
            process.terminate()
            process.wait(30)


def measure(trials: int, rounds: int) -> None:
    import joblib

    from mlplatform.compute import cluster
    from registry.search.engines import Distributed

    plan, folds = table_of(trials)
    with (
        tempfile.NamedTemporaryFile() as file,
        cluster.connected(name="benchmark", report=print) as compute,
        joblib.parallel_config("loky", n_jobs=WORKERS, inner_max_num_threads=1),
        joblib.Parallel(n_jobs=WORKERS) as processes,
    ):
        joblib.dump(folds, file.name)
        while compute.workers < WORKERS:
            time.sleep(1)
            compute.workers = len(compute._client.scheduler_info()["workers"])
        print("| trials | Dask, s | joblib, s | ratio |\n|---|---|---|---|")
        for method in ("random", "tpe"):
            engine = Distributed(folds, compute, method=method, with_outputs=False)
            search(engine, plan, folds, method, 4)  # warm: the rows are on the workers
            times = {"dask": [], "joblib": []}
            for _ in range(rounds):
                seconds, fits = search(engine, plan, folds, method, trials)
                times["dask"].append(seconds)
                by_joblib(processes, file.name, fits[:4])  # warm: its processes end when they are idle
                times["joblib"].append(by_joblib(processes, file.name, fits))
            report(f"{trials}, {method}", times)
        forests(compute, processes, rounds)


def table_of(trials: int):
    from registry.search.plan import GroupPlan
    from registry.search.run import divide
    from registry.training.request import TrainingRequest
    from registry.training.run import Table

    random, rows = np.random.default_rng(0), 2_000
    frame = pandas.DataFrame(random.normal(size=(rows, 8)), columns=list("abcdefgh"))
    frame["city"] = random.choice(["Bern", "Basel", "Chur"], rows)
    score = frame.a + frame.b * frame.c + (frame.city == "Bern") + random.normal(size=rows)
    frame["target"] = np.where(score > 0, "yes", "no")
    columns = [{"name": name, "type": "number", "nullable": False} for name in "abcdefgh"]
    columns += [{"name": name, "type": "text", "nullable": False} for name in ("city", "target")]
    base = TrainingRequest(
        "ensemble",
        "ExtraTreesClassifier",
        target="target",
        features=[*"abcdefgh", "city"],
        random_state=1,
        cv=5,
    )
    plan = GroupPlan(base, ranges=RANGES, n_trials=trials)
    return plan, divide(Table(frame, columns, None, []), plan)


def search(engine, plan, folds, method: str, trials: int) -> tuple[float, list]:
    """The seconds, and each fit that had a part in it: the candidate and the fold."""
    import dataclasses

    from registry.search import trial_run
    from registry.search.candidates import Suggested
    from registry.search.objective import Objective

    objective = Objective("roc_auc", folds.classes)
    candidates = Suggested(dataclasses.replace(plan, method=method), objective, rows=len(folds.y))
    started, begun, fits = time.perf_counter(), deque(), []
    for number in range(1, trials + engine.at_once + 1):
        if number <= trials:
            candidate = candidates.next(number, [])
            begun.append((candidate, engine.begin(number, candidate.request, objective)))
        if begun and (len(begun) >= engine.at_once or number >= trials):
            candidate, submitted = begun.popleft()
            outcome = trial_run.run(
                candidate.request, submitted, objective, is_hopeless=candidate.is_hopeless
            )
            assert not outcome.error, outcome.error
            engine.end(submitted)
            candidates.finish(candidate, outcome)
            fits += [(candidate.request, fold) for fold in range(len(outcome.scores))]
    return time.perf_counter() - started, fits


def by_joblib(processes, folds: str, fits: list) -> float:
    import joblib

    from benchmarks.compute.fits import fit

    started = time.perf_counter()
    processes(joblib.delayed(fit)(folds, fold, request, "roc_auc") for request, fold in fits)
    return time.perf_counter() - started


def forests(compute, processes, rounds: int) -> None:
    """One forest, and one permutation importance: threads and processes of one machine against its two workers."""
    import joblib
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.inspection import permutation_importance

    random = np.random.default_rng(0)
    X = random.normal(size=(20_000, 20))
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    forest = RandomForestClassifier(100, random_state=0, n_jobs=WORKERS).fit(X[:2_000], y[:2_000])
    calls = {
        "one forest": lambda: RandomForestClassifier(100, random_state=0, n_jobs=WORKERS).fit(X, y),
        "one permutation importance": lambda: permutation_importance(
            forest.set_params(n_jobs=None), X[:5_000], y[:5_000], n_repeats=5, random_state=0, n_jobs=WORKERS
        ),
    }
    for title, call in calls.items():
        times = {"dask": [], "joblib": []}
        for _ in range(rounds):
            # Forests use threads: their trees share the rows.
            with joblib.parallel_config("threading" if "forest" in title else "loky", n_jobs=WORKERS):
                times["joblib"].append(timed(call))
            with joblib.parallel_config("dask", client=compute._client, n_jobs=WORKERS):
                times["dask"].append(timed(call))
        report(title, times)


def timed(call) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def report(title: str, times: dict[str, list[float]]) -> None:
    dask, bare = (statistics.median(times[name]) for name in ("dask", "joblib"))
    print(f"| {title} | {dask:.1f} | {bare:.1f} | {dask / bare:.2f} |", flush=True)


if __name__ == "__main__":
    os.environ |= {"DASK_SCHEDULER": ADDRESS, "DJANGO_SETTINGS_MODULE": "mlplatform.settings"}
    os.environ.setdefault("DATA_DIR", "/tmp/ml-mini-platform-benchmark")
    os.environ["OMP_NUM_THREADS"] = "1"
    import django

    django.setup()
    main()
