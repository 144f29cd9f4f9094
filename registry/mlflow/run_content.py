"""What a run on an MLflow server has of a model version: tags, parameters, metrics, metrics of folds, its dataset."""

import json
from collections.abc import Iterator

from registry.mlflow import entities
from registry.models import ModelVersion

IDENTITY = "mlmp.version"  # the tag by which an interrupted try finds its run again
PARAMETERS, METRICS = 100, 1_000  # in a batch


def identity(version: ModelVersion) -> str:
    """A run's own text, also if two platforms mirror to one server: the digest is that of the signed artifact."""
    return f"{version.dataset.name}/{version.number}/{version.artifact_hmac[:16]}"


def run(version: ModelVersion) -> dict:
    """The fields that create the run."""
    user = version.trained_by.get_username() if version.trained_by else ""
    tags = {
        IDENTITY: identity(version),
        "mlflow.runName": f"version {version.number}",
        "mlflow.user": user,
        "mlflow.note.content": version.description,
        "algorithm": f"{version.module}.{version.algorithm}",
        "task": version.task,
        "target": version.target or "",
    }
    filled = [{"key": key, "value": value} for key, value in tags.items() if value]
    name = f"version {version.number}"
    return {"start_time": end(version), "run_name": name, "user_id": user, "tags": filled}


def end(version: ModelVersion) -> int:
    return entities.milliseconds(version.trained_at)


def batches(version: ModelVersion) -> Iterator[dict]:
    """The bodies of runs/log-batch. A batch that is logged again changes nothing."""
    params = [{"key": key, "value": value} for key, value in entities.parameters(version).items()]
    metrics = [*entities.metrics(version.metrics, version), *_of_folds(version)]
    for start in range(0, len(params), PARAMETERS):
        yield {"params": params[start : start + PARAMETERS]}
    for start in range(0, len(metrics), METRICS):
        yield {"metrics": metrics[start : start + METRICS]}


def _of_folds(version: ModelVersion) -> Iterator[dict]:
    for step, fold in enumerate(version.metrics.get("folds") or ()):
        yield from entities.metrics(fold, version, prefix="fold.", step=step)


def dataset(version: ModelVersion) -> dict:
    """The input of the run: the dataset version."""
    source = version.dataset_version
    described = {
        "name": f"{version.dataset.name} version {source.number}",
        "digest": source.sha256[:36],
        "source_type": "ml-mini-platform",
        "source": json.dumps({"dataset": version.dataset.name, "version": source.number}),
        "profile": json.dumps({"num_rows": source.row_count, "num_columns": source.column_count}),
    }
    return {"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": described}


def version_tags(version: ModelVersion) -> list[dict]:
    return [{"key": IDENTITY, "value": identity(version)}]
