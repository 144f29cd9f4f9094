"""A training whose table does not fit in memory: the same pipeline and description as in memory, fitted in passes."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from catalog import files
from catalog.models import DatasetVersion
from catalog.profiling.typed_copy import TypedCopy
from mlplatform import storage
from registry import artifacts, verification
from registry.diagnostics import build as diagnostics
from registry.estimators import algorithms, errors, wrappers
from registry.estimators.frameworks import early_stopping, extras
from registry.evaluation import measurement
from registry.evaluation.row_samples import at_random
from registry.models import ModelVersion
from registry.training import pipelines, preparation, signature, splits, validation
from registry.training.columns import boolean_words, select_features
from registry.training.out_of_core import boosting, encoding, partial_fits, row_split, statistics
from registry.training.out_of_core.encoded_rows import EncodedRows
from registry.training.out_of_core.row_split import RowSplit
from registry.training.out_of_core.stored_rows import StoredRows
from registry.training.registration import FittedModel
from registry.training.request import TrainingRequest

# The rows in memory: those held out that are measured, and training rows, for texts and the train score.
MEASURED_ROWS, SAMPLED_ROWS = 100_000, 20_000
MEASURED_CELLS = 2_000_000

Progress = Callable[[str, float | None], None]


def fit(
    source: DatasetVersion, *, request: TrainingRequest, progress: Progress, with_diagnostics: bool = True
) -> FittedModel:
    """As run.fit(), in passes over the typed copy."""
    with opened(source, request) as rows:
        result = fit_rows(rows, source.profile, request, progress=progress, with_diagnostics=with_diagnostics)
    result.preparation += preparation.describe_left_out(request.prepare, profile=source.profile)
    progress("saving", None)
    verified = verification.verify_fit(result)
    return FittedModel(request, result, verified, artifacts.dump(result.pipeline))


@contextlib.contextmanager
def opened(source: DatasetVersion, request: TrainingRequest) -> Iterator[StoredRows]:
    """The verified typed copy of a dataset version, and of the one to measure on if the request names one."""
    number = request.split.get("dataset_version")
    versions = [source, *([] if number is None else [source.dataset.version(number)])]
    with contextlib.ExitStack() as stack:
        copies = []
        for version in versions:
            files.require_typed_copy(version)
            storage.require_space_to_read(storage.datasets(), version.table_size_bytes)
            copy = files.open_table(version, columns=request.columns)
            copies.append(TypedCopy(stack.enter_context(copy)))
        yield StoredRows(copies, signature.columns_of(source.recipe))


def fit_rows(
    rows: StoredRows,
    profile: Sequence[dict],
    request: TrainingRequest,
    *,
    progress: Progress = lambda stage, fraction: None,
    with_diagnostics: bool = False,
) -> pipelines.FitResult:
    """As pipelines.fit(), of stored rows; `profile` is that of their columns."""
    progress("loading", None)
    validation.check_random_state(request.random_state)
    warnings: list[str] = []
    columns = [column for column in rows.columns if column["name"] in set(request.columns)]
    inputs, target = inputs_and_target(columns, request)
    split = row_split.split(
        rows, target=target, request=request, warnings=warnings, own_rows=rows.copies[0].rows
    )
    sampled = sample(rows, inputs, split, request)
    found = statistics.of_columns(
        rows,
        inputs,
        split,
        sampled.train,
        profile={one["name"]: one for one in profile},
        progress=partial(progress, "loading"),
    )
    progress("checking", None)
    started = time.monotonic()
    with errors.as_validation_errors(request.algorithm, warnings):
        pipeline, choices, trained = _fit_pipeline(rows, inputs, split, sampled, found, request, progress)
    fit_s = time.monotonic() - started
    progress("evaluating", None)
    with errors.as_validation_errors(request.algorithm, warnings):
        scores, measured = _measure(pipeline, split, sampled, request, warnings)
    diagnosed = {}
    if with_diagnostics:
        held_out = pipelines.held_out_of(pipeline, sampled, inputs, request, measured, scores)
        diagnosed = pipelines.diagnose(held_out, limit_s=diagnostics.limit_s(fit_s))
    known = {name: one.known for name, one in found.items()}
    return pipelines.FitResult(
        pipeline=pipeline,
        signature=signature.describe(
            pipeline, sampled.train, inputs=inputs, target=described(target), task=request.task, known=known
        ),
        preparation=[choice.to_dict() for choice in choices],
        decision={},
        metrics=measured,
        parameters=pipelines.effective_parameters(request, wrappers.estimator_of(pipeline["model"])),
        warnings=list(dict.fromkeys(warnings)),
        measured=sampled.measured,
        rows_train=len(split.train),
        rows_test=0 if split.y_test is None else len(split.test),
        held_out=sampled.test,
        iterations=early_stopping.iterations(pipeline["model"]),
        trained=trained,
        **diagnosed,
    )


def repeated_split(version: ModelVersion, request: TrainingRequest) -> splits.Split:
    """The sampled rows of each part of a version that was trained in passes, once more."""
    with opened(version.dataset_version, request) as rows:
        columns = [column for column in rows.columns if column["name"] in set(request.columns)]
        inputs, target = inputs_and_target(columns, request)
        split = row_split.split(
            rows, target=target, request=request, warnings=[], own_rows=rows.copies[0].rows
        )
        return sample(rows, inputs, split, request)


def inputs_and_target(columns: list[dict], request: TrainingRequest) -> tuple[list[dict], dict | None]:
    inputs = select_features(
        columns, features=request.features, target=request.target, reserved=request.reserved
    )
    target = next((column for column in columns if column["name"] == request.target), None)
    return inputs, None if request.task == "clustering" else target


def described(target: dict | None) -> dict | None:
    """The target as the signature names it: booleans with words of their own are texts."""
    return target | {"type": "text"} if target and boolean_words(target) else target


def sample(rows: StoredRows, inputs: list[dict], split: RowSplit, request: TrainingRequest) -> splits.Split:
    """The rows to measure, and some training rows, drawn at random with a fixed seed. `measured` says how many."""
    most = max(min(MEASURED_ROWS, MEASURED_CELLS // len(inputs)), 1_000)
    test, train = at_random(len(split.test), most), at_random(len(split.train), SAMPLED_ROWS)
    measured = split.measured
    if len(test) < len(split.test):
        measured += f" The metrics are those of {len(test):,} of these rows, drawn at random."
    clusters = split.y_train is None
    return splits.Split(
        rows.take(inputs, split.train[test if clusters else train]),
        rows.take(inputs, split.test[test]),
        None if clusters else split.labels(split.y_train[train]),
        None if clusters else split.labels(split.y_test[test]),
        measured,
        test_keys=None if split.test_groups is None else split.test_groups[test],
        random_state=request.random_state,
        first_test_row=split.first_test_row,
    )


def _fit_pipeline(rows, inputs, split: RowSplit, sampled: splits.Split, found, request, progress):
    """The fitted pipeline, the choices for its columns, and a sentence about its passes."""
    params = pipelines.with_typed_class_weights(request.params, split.classes)
    estimator = algorithms.build(request.algorithm, params, request.random_state)
    choices = preparation.choose_by(
        [found[column["name"]].facts for column in inputs],
        inputs,
        sampled.train,
        estimator,
        can_use_target=preparation.can_use_target(split.y_train, request.task),
        requested=request.prepare,
    )
    pipeline = pipelines.build(choices, estimator, task=request.task)
    encoder = encoding.fit(
        pipeline["columns"],
        choices,
        found,
        estimator=estimator,
        rows=rows,
        inputs=inputs,
        split=split,
        sample=sampled.train,
        task=request.task,
        seed=request.random_state,
    )
    encoded = EncodedRows.write(
        encoder, rows, split, seed=request.random_state, progress=partial(progress, "checking")
    )
    with contextlib.closing(encoded):
        progress("fitting", None)
        report, count = partial(progress, "fitting"), len(split.train)
        if extras.of_estimator(estimator):
            model = boosting.fit(estimator, encoded, split, seed=request.random_state, report=report)
            pipeline.set_params(model=model)
            batches = "1 batch" if len(encoded) == 1 else f"{len(encoded):,} batches"
            trained = f"On {count:,} rows in {batches}, kept as the bins of their values."
        else:
            passes = partial_fits.fit(estimator, encoded, split, report=report)
            trained = f"In {passes} pass{'' if passes == 1 else 'es'} over {count:,} rows."
    return pipeline, choices, trained


def _measure(pipeline, split: RowSplit, sampled: splits.Split, request: TrainingRequest, warnings: list[str]):
    """The predictions for the sampled held-out rows, None of a clusterer, and their metrics."""
    options = {"by_time": split.is_in_time, "groups": sampled.test_keys, "y_baseline": split.y_in_order}
    scores, measured = measurement.predict_and_evaluate(
        pipeline, sampled, task=request.task, warnings=warnings, **options
    )
    warnings += pipelines.group_warnings(sampled, request)
    return scores, measured
