"""Measure a model version on another dataset version, in a process of its own, and keep the result beside it."""

from dataclasses import dataclass

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from catalog import files
from catalog.models import DatasetVersion
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import NotFound
from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.models import JobState
from registry import artifacts
from registry.diagnostics import clusters
from registry.estimators.errors import prediction_errors
from registry.evaluation import definitions, duplicates, measurement
from registry.jobs.learning_curves import computation as learning_curve
from registry.models import Diagnostics, Evaluation, ModelVersion
from registry.training import pipelines, signature, validation
from registry.training import run as training
from registry.training.columns import feature_frame, with_labels
from registry.training.splits import Split, target_values, unseen_classes

Kind = Evaluation.Kind
NUMERIC = {"integer", "number"}
# Of the training's data, to compare: reading more takes longer than most evaluations.
MAX_KNOWN_ROWS = 1_000_000
DIAGNOSTICS_S = 60  # the limit of their computation: nobody waits for it as for a training


def submit(version: ModelVersion, source: DatasetVersion, *, by) -> Evaluation:
    """Queue an evaluation of a model version on a dataset version, of any dataset with its columns.

    Only of an imported one this may be its own, on at most a part of which it was measured.

    Raises ValidationError: same_dataset_version, columns_differ, cannot_predict.
    """
    permissions.check(by, "train")
    if version.dataset_version_id == source.pk and not version.is_imported:
        raise ValidationError(
            f"Model version {version.number} was trained on rows of this dataset version. Choose another one.",
            code="same_dataset_version",
        )
    if not version.signature["can_predict"]:
        raise ValidationError(
            f"{version.algorithm} cannot predict other rows than those of its training.",
            code="cannot_predict",
        )
    _check_columns(version, source)
    return _enqueue(version, source, by=by)


def submit_repeated(version: ModelVersion, kind: Kind, *, by) -> Evaluation:
    """Queue the diagnostics or the learning curve of a version; the job in progress if there is one.

    Raises ValidationError (refit, split_unknown, no_test_rows) if the training cannot be repeated that far.
    """
    permissions.check(by, "train")
    check = learning_curve.check if kind == Kind.LEARNING_CURVE else training.check_held_out
    check(version)
    running = version.evaluations.filter(kind=kind).unfinished().first()
    return running or _enqueue(version, version.dataset_version, by=by, kind=kind)


@dataclass(frozen=True)
class DiagnosticsState:
    """The latest job that computes the diagnostics of a version, if any, and why they cannot be computed, or ""."""

    job: Evaluation | None
    refusal: str
    is_due: bool  # they were never computed nor requested, and can be


def diagnostics_state(version: ModelVersion, computed: Diagnostics | None) -> DiagnosticsState:
    job = version.evaluations.filter(kind=Kind.DIAGNOSTICS).defer("log", "traceback", "metrics").first()
    try:
        training.check_held_out(version)
    except ValidationError as error:
        return DiagnosticsState(job, error.messages[0], False)
    return DiagnosticsState(job, "", computed is None and job is None)


def _enqueue(version: ModelVersion, source: DatasetVersion, *, by, kind=Kind.OTHER_DATA) -> Evaluation:
    return leases.enqueue(
        Evaluation(
            model_version=version,
            dataset_name=source.dataset.name,
            number=source.number,
            dataset_version=source,
            requested_by=by,
            kind=kind,
        )
    )


def cancel(evaluation: Evaluation, *, by) -> Evaluation:
    """Finish a queued evaluation at once, and a running one within seconds. Raises Conflict if it has finished."""
    permissions.check(by, "train")
    return leases.cancel(evaluation, by=by)


def run_claimed(*, job: int, attempt: int) -> None:
    """Run an attempt that a worker has claimed, in the child process that it has forked for it."""
    evaluations = Evaluation.objects.select_related(
        "model_version__dataset", "model_version__dataset_version", "dataset_version__dataset", "requested_by"
    )
    if claimed := evaluations.filter(pk=job, attempt=attempt, state=JobState.RUNNING).first():
        run(claimed)


def run(evaluation: Evaluation) -> None:
    """Measure in this process, and record the outcome."""
    attempt = Attempt(evaluation)
    with attempt.recording_outcome():
        if evaluation.dataset_version is None:
            raise NotFound("The dataset version was deleted before the evaluation.", code="dataset_deleted")
        if evaluation.kind == Kind.LEARNING_CURVE:
            rows, metrics, warnings = learning_curve.compute(
                evaluation.model_version, progress=lambda share: attempt.report(progress=share)
            )
        elif evaluation.kind == Kind.DIAGNOSTICS:
            rows, metrics, warnings = diagnose(evaluation.model_version)
        else:
            rows, metrics, warnings = _measure(evaluation.model_version, evaluation.dataset_version)
        leases.finish(
            evaluation,
            JobState.SUCCEEDED,
            unless_cancelled=True,
            progress=1,
            rows=rows,
            metrics=metrics,
            warnings=warnings,
            error="",
        )


def diagnose(version: ModelVersion) -> tuple[int, dict, list[str]]:
    """Compute and save the diagnostics of a version; the number of its held-out rows, their metrics and warnings."""
    training.check_held_out(version)
    pipeline = _load(version)
    warnings: list[str] = []
    with prediction_errors(version.algorithm, code="evaluation_failed"):
        held_out = training.held_out(version, pipeline)
        found = pipelines.diagnose(held_out, limit_s=DIAGNOSTICS_S)
        labels = clusters.labels_of(held_out) if version.task == "clustering" else None
        measured = measurement.measure(
            pipeline, held_out.X, held_out.y, task=version.task, warnings=warnings, labels=labels
        )
    Diagnostics.objects.record(version, sections=found["diagnostics"], duration_s=found["diagnostics_s"])
    return len(held_out.X), measured, warnings


def _measure(version: ModelVersion, source: DatasetVersion) -> tuple[int, dict, list[str]]:
    """The number of measured rows, the metrics, and the warnings."""
    storage.require_temporary_space(source.size_bytes)
    pipeline = _load(version)
    warnings: list[str] = []
    X, y = _rows(version, source, warnings)
    if version.task == "classification":
        warnings += unseen_classes(y, pipeline.classes_)
    with prediction_errors(version.algorithm, code="evaluation_failed"):
        metrics = measurement.remeasure(pipeline, X, y, task=version.task, warnings=warnings)
        is_known = not version.is_imported and version.dataset_version.row_count <= MAX_KNOWN_ROWS
        if y is not None and is_known:
            warnings += _known_rows(version, pipeline, X, y, metrics)
    return len(X), metrics, warnings


def _load(version: ModelVersion):
    artifacts.is_of_installed_version(version)  # raises for another major version
    return artifacts.load(version, version.release.key)


def _known_rows(
    version: ModelVersion, pipeline, X: pandas.DataFrame, y: np.ndarray, metrics: dict
) -> list[str]:
    """A warning about measured rows that are also in the data of the training, as in a table that has grown."""
    storage.require_temporary_space(version.dataset_version.size_bytes)
    trained, y_trained = _rows(version, version.dataset_version, [])
    if y.dtype.kind in "if":
        y, y_trained = y.astype("float64"), y_trained.astype("float64")
    split = Split(trained, X, y_trained, y)
    sentence = duplicates.warning(
        pipeline,
        split,
        metrics,
        task=version.task,
        metric=definitions.primary(version.primary_metric, task=version.task).name,
        known="rows of the dataset version that the model was trained on",
        advice="Measure on new rows only.",
    )
    return [sentence] if sentence else []


def _rows(
    version: ModelVersion, source: DatasetVersion, warnings: list[str]
) -> tuple[pandas.DataFrame, np.ndarray | None]:
    """The rows that have a target, and its values."""
    inputs, target = version.signature["inputs"], _target(version)
    names = [column["name"] for column in inputs]
    frame = files.read_frame(source, columns=[*names, *([target["name"]] if target else [])])
    validation.check_finite(frame, names)
    if target is None:
        return feature_frame(frame, inputs), None
    frame, found = with_labels(frame, _labelled(version, source))
    has_target = frame[target["name"]].notna()
    if missing := int((~has_target).sum()):
        warnings.append(
            f"{missing:,} of {len(frame):,} rows have no `{target['name']}` and are not measured."
        )
    frame = frame[has_target]
    if frame.empty:
        raise ValidationError(f"No row has a value in `{target['name']}`.", code="no_rows")
    validation.check_finite(frame, [target["name"]])
    # Numbers as they are in this data: as integers, 1.5 would be measured as 1.
    return feature_frame(frame, inputs), target_values(frame[target["name"]], found["type"])


def _check_columns(version: ModelVersion, source: DatasetVersion) -> None:
    """The dataset version needs the columns of the signature, with types that can be read as theirs."""
    target, found = _target(version), _columns(source)
    if target and target["name"] in found:
        found[target["name"]] = _labelled(version, source)
    needed = [*version.signature["inputs"], *([target] if target else [])]
    missing = [column["name"] for column in needed if column["name"] not in found]
    changed = [
        column["name"]
        for column in needed
        if column["name"] in found and not _fits(column, found[column["name"]], is_target=column is target)
    ]
    for names, problem in ((missing, "has no column"), (changed, "has another type of column")):
        if names:
            listed = ", ".join(f"`{name}`" for name in names[:8]) + (" and others" if len(names) > 8 else "")
            raise ValidationError(
                f"Version {source.number} of `{source.dataset.name}` {problem} {listed}.",
                code="columns_differ",
            )


def _fits(column: dict, found: dict, *, is_target: bool) -> bool:
    kind = found["type"]
    if is_target and kind == "boolean" and found["format"].get("true"):
        kind = "text"  # its words are the classes: see with_labels
    return kind == column["type"] or {kind, column["type"]} <= NUMERIC


def _labelled(version: ModelVersion, source: DatasetVersion) -> dict:
    """The target column, with the words of the training if both have booleans: one file may have Yes, one Y."""
    name = version.signature["target"]["name"]
    found = _columns(source)[name]
    trained = _columns(version.dataset_version).get(
        name, found
    )  # one with a declared signature may not have it
    return trained if trained["type"] == found["type"] == "boolean" else found


def _columns(source: DatasetVersion) -> dict[str, dict]:
    return {column["name"]: column for column in signature.columns_of(source.recipe)}


def _target(version: ModelVersion) -> dict | None:
    return None if version.task == "clustering" else version.signature["target"]
