"""What the child process of an import does: load, try, measure and verify a model, and write its artifact."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pandas
from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from catalog import files
from mlplatform import storage
from mlplatform.jobs.children import calls, confinement
from registry import artifacts, verification
from registry.estimators.errors import prediction_errors
from registry.evaluation import measurement
from registry.evaluation.row_samples import at_random
from registry.imports import adapter, declared
from registry.imports.declared import about, in_field
from registry.imports.formats import FORMATS
from registry.imports.request import Request
from registry.training import pipelines, signature, validation
from registry.training.columns import feature_frame, with_labels
from registry.training.splits import target_values, unseen_classes

MAX_ROWS = 100_000  # that are measured: nobody waits for more in a request
TRIED_ROWS = 1_000
MAX_CLASSES = 1_000


def run(*, request: Request, memory_mb: int) -> Iterator[dict]:
    """What the child process runs: one result, or the error. It has no way back: see confinement.py."""
    sentence = f"The import needs more than {memory_mb:,} MB of memory: for the model, or for the rows."
    out_of_memory = ValidationError({"file": ValidationError(sentence, code="out_of_memory")})
    yield from calls.results(_confined(request, memory_mb), memory_mb=memory_mb, out_of_memory=out_of_memory)


def _confined(request: Request, memory_mb: int) -> Iterator[dict]:
    """Opens the rows first, which may need the network."""
    with contextlib.ExitStack() as stack:
        rows = None
        if request.declared is None:
            storage.require_temporary_space(request.source.size_bytes)
            rows = stack.enter_context(files.open_rows(request.source))
        lacking = confinement.confine(str(Path(request.path).parent), file_mb=memory_mb)
        yield read(request, rows) | {"lacking": lacking}


def read(request: Request, rows: IO[bytes] | None) -> dict:
    """The fields of the version and of its verification, as JSON. Writes the artifact."""
    with about("file"):
        load = import_string(FORMATS[request.format].load)
        loaded = load(request.path, max_unpacked_mb=request.max_unpacked_mb)
        task = adapter.task_of(loaded.estimator)
    inputs, target, frame = _rows(request, loaded, rows)
    if request.classes is not None:
        with about("classes"):
            loaded.estimator = adapter.named(loaded.estimator, request.classes, target["type"])
    with about("features"):
        pipeline = adapter.as_pipeline(loaded, inputs)
    X = feature_frame(frame, inputs)
    with about("file"), prediction_errors("The model", code="prediction_failed"):
        warnings = loaded.warnings + adapter.check_outputs(pipeline, X.iloc[:TRIED_ROWS], task=task)
        if task == "classification" and len(pipeline.classes_) > MAX_CLASSES:
            raise ValidationError(
                f"The model has more than {MAX_CLASSES:,} classes.", code="unsupported_model"
            )
        metrics, measured = {}, "Not measured: it was imported with a signature, without rows."
        if request.declared is None:
            metrics, measured, more = _measure(request, pipeline, X, frame, target, task)
            warnings += more
        described = signature.describe(pipeline, X, inputs=inputs, target=target, task=task)
        if request.declared is not None:
            described |= {"inputs": inputs, "example": request.declared["example"]}
        estimator = adapter.final_estimator(loaded.estimator)
        result = pipelines.FitResult(
            pipeline=pipeline,
            signature=described,
            preparation=[],
            decision={},
            metrics=metrics,
            parameters=pipelines.parameters_of(estimator),
            warnings=list(dict.fromkeys(warnings)),
            measured=measured,
            rows_train=0,
            rows_test=len(X) if request.declared is None else 0,
            held_out=X,
        )
        verified = verification.verify_fit(result)
    return {
        "algorithm": type(estimator).__name__,
        "module": next(
            iter(FORMATS[request.format].frameworks),
            type(estimator).__module__.removeprefix("sklearn.").partition(".")[0],
        ),
        "task": task,
        **{
            name: getattr(result, name)
            for name in ("signature", "metrics", "parameters", "warnings", "measured", "rows_test")
        },
        "verification": verified,
        "artifact": _write(pipeline, request.artifact_path),
    }


def _rows(request: Request, loaded, rows: IO[bytes] | None) -> tuple[list[dict], dict, pandas.DataFrame]:
    """The inputs, the target and the rows to try."""
    if request.declared is not None:
        inputs, target = request.declared["inputs"], request.declared["target"]
        names = [one["name"] for one in inputs]
        if loaded.names is not None and loaded.names != names:
            raise _columns_differ(loaded.names)
        with about("signature"):
            declared.check_width(names, loaded.count)
        return inputs, target, pandas.DataFrame([request.declared["example"]])
    columns = declared.columns_of(request.source)
    inputs = declared.inputs_of_dataset(
        columns,
        target=request.target,
        features=request.features,
        model_columns=loaded.names,
        width=loaded.count,
    )
    column = next(one for one in columns if one["name"] == request.target)
    names = [*(one["name"] for one in inputs), request.target]
    frame = files.read_rows(request.source, rows, columns=names)
    frame, target = with_labels(frame, column)
    frame = frame[frame[request.target].notna()]
    if frame.empty:
        raise in_field("target_column", f"No row has a value in `{request.target}`.", "no_rows")
    if len(frame) > MAX_ROWS:
        frame = frame.iloc[at_random(len(frame), MAX_ROWS)]
    validation.check_finite(frame, list(frame.columns))
    return inputs, target, frame


def _columns_differ(columns: list[str]) -> ValidationError:
    listed = ", ".join(f"`{name[:100]}`" for name in columns[:8]) + (" ..." if len(columns) > 8 else "")
    sentence = f"The inputs of the signature must be those of the model, in its order: {listed}."
    return in_field("signature", sentence, "columns_differ")


def _measure(request: Request, pipeline, X, frame, target: dict, task: str) -> tuple[dict, str, list[str]]:
    """The metrics, the rows that they were measured on, and warnings."""
    warnings: list[str] = []
    if task == "regression" and target["type"] not in ("integer", "number"):
        sentence = f"The model is a regressor, and `{target['name']}` has the type {target['type']}."
        raise in_field("target_column", sentence, "target_type")
    y = target_values(frame[target["name"]], target["type"])
    if task == "classification":
        classes = pipeline.classes_.tolist()
        if not set(pandas.unique(y).tolist()) & set(classes):
            raise _other_classes(classes, pandas.unique(y).tolist(), target["name"])
        warnings += unseen_classes(y, pipeline.classes_)
    metrics = measurement.remeasure(pipeline, X, y, task=task, warnings=warnings)
    rows = f"all {len(X):,} rows" if len(X) < MAX_ROWS else f"{len(X):,} rows, drawn at random,"
    source = request.source
    measured = (
        f"Measured on {rows} of `{source.dataset.name}` version {source.number} when it was imported. The rows of its "
        "training may be among them: then it is worse on new rows."
    )
    return metrics, measured, warnings


def _other_classes(classes: list, found: list, name: str) -> ValidationError:
    shown = ", ".join(f"`{str(one)[:50]}`" for one in classes[:5])
    there = ", ".join(f"`{one[:50]}`" for one in sorted(map(str, found))[:5])
    return in_field(
        "target_column",
        f"The model predicts {shown}, and `{name}` has {there}. If these are names of the same classes, list them in "
        "`classes`, in the order of the model.",
        "classes_differ",
    )


def _write(pipeline, path: str) -> dict:
    artifact = artifacts.dump(pipeline)
    with artifact.file as file, open(path, "wb") as out:
        file.seek(0)
        shutil.copyfileobj(file, out)
    return {"size": artifact.size, "sha256": artifact.sha256}
