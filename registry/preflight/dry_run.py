"""The dry run of a training before it is queued: can it work, and do its columns need a warning?"""

import contextlib
from collections.abc import Iterator

from django.core.exceptions import ValidationError

from registry.preflight import feature_checks, split_checks, target_checks, trial_fit
from registry.preflight import trial as trials
from registry.preflight.trial import MAX_COLUMNS, Source, Trial
from registry.training import validation
from registry.training.columns import select_features
from registry.training.request import TrainingRequest


def check(source: Source, *, request: TrainingRequest) -> Iterator[list[dict]]:
    """Try a training on the sample: yields the warnings of its columns, then those of a fit.

    A warning is a dict of `code`, `field` and `detail`. Raises ValidationError, with the field as its parameter
    `field`, for what cannot work: according to the profile, on a table that is its own sample, or because of values
    that the rest of the table does not change.
    """
    with _with_field():
        inputs = select_features(
            source.columns, features=request.features, target=request.target, reserved=request.reserved
        )
        target_column = next((c for c in source.columns if c["name"] == request.target), None)
        if request.task != "clustering":
            validation.check_target_type(target_column, algorithm=request.algorithm)
            validation.check_test_size(request.test_size)
        trial = trials.read(source, request=request, inputs=inputs, target=target_column)
        warnings = []
        if trial.target:
            with _with_field("target"):
                validation.check_finite(trial.frame, [trial.target["name"]])
            target_checks.check(trial)
            warnings += target_checks.warnings(trial)
            with _with_field("split"):
                split_checks.check(trial)
            with _with_field("sample_weight"):
                split_checks.check_weights(trial)
            warnings += split_checks.warnings(trial)
        yield [*warnings, *feature_checks.warnings(trial)]
        yield _fit_warnings(trial)


def _fit_warnings(trial: Trial) -> list[dict]:
    detail = trial_fit.attempt(
        trial.frame,
        inputs=trial.inputs[:MAX_COLUMNS],
        target=trial.target,
        request=trial.request,
        is_whole=trial.is_whole and len(trial.inputs) <= MAX_COLUMNS,
    )
    return [trials.warning("fit_failed", None, detail)] if detail else []


@contextlib.contextmanager
def _with_field(field: str | None = None) -> Iterator[None]:
    """Add the field that an error is about to its parameters."""
    try:
        yield
    except ValidationError as error:
        if error.params:
            raise
        field = field or validation.ERROR_FIELDS.get(error.code)
        # With parameters, Django reads a message as a format.
        message = error.message.replace("%", "%%")
        raise type(error)(message, code=error.code, params={"field": field}) from error
