"""Run in the environment of FLAML: search within a time budget, and measure the model on the test rows.

python automl.py TRAIN.csv TEST.csv TARGET TASK METRIC SECONDS
"""

import json
import sys
import time

import pandas
from flaml import AutoML
from sklearn import metrics

METRICS = {"roc_auc": "roc_auc", "log_loss": "log_loss", "r2": "r2"}


def main(train: str, test: str, target: str, task: str, metric: str, seconds: str) -> None:
    rows, asked = pandas.read_csv(train), pandas.read_csv(test)
    X, y = rows.drop(columns=target), rows[target]
    X_test, y_test = asked.drop(columns=target), asked[target]
    started = time.perf_counter()
    automl = AutoML()
    automl.fit(
        X, y, task=task, metric=METRICS[metric], time_budget=float(seconds), n_jobs=2, seed=0, verbose=0
    )
    took = time.perf_counter() - started
    if metric == "r2":
        score = metrics.r2_score(y_test, automl.predict(X_test))
    else:
        probabilities = automl.predict_proba(X_test)
        if metric == "roc_auc":
            score = metrics.roc_auc_score(y_test == automl.classes_[1], probabilities[:, 1])
        else:
            score = metrics.log_loss(y_test, probabilities, labels=list(automl.classes_))
    print(json.dumps({"score": score, "seconds": took, "model": automl.best_estimator}))


if __name__ == "__main__":
    main(*sys.argv[1:])
