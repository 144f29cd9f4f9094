"""scikit-learn's errors and warnings as sentences that a user can act on."""

import re
import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError

from registry.estimators.algorithms import Algorithm
from registry.estimators.sklearn_algorithms import HINTS

# What scikit-learn raises for data or parameters that an algorithm cannot use. MemoryError is not among them.
USER_ERRORS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, NameError, RuntimeError)
# Those of optional frameworks that are none of these.
FRAMEWORK_ERRORS = {"LightGBMError", "CatBoostError"}
# Errors of XGBoost and CatBoost start with the place in their code; XGBoost's also have the time, and a trace of calls.
PLACE = re.compile(
    r"^\[[\d:]+\] \S+:\d+: |^\S+\.(?:cpp|h):\d+: |^Check failed: .*?: |\s*Stack trace:.*", re.S
)

# By a part of scikit-learn's sentence, ours with what to do.
SENTENCES = {
    "makes constant predictions": "It predicts the same probability for every row, so no threshold is better than "
    "another. Leave `threshold` out, or use other features or parameters.",
}


@contextmanager
def as_validation_errors(algorithm: Algorithm, warnings: list[str]) -> Iterator[None]:
    """Add scikit-learn's warnings to `warnings`, and raise its errors as ValidationError (fit_failed)."""
    with python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always")
        # Scaling is our choice, so warnings about it are not for users.
        python_warnings.filterwarnings(
            "ignore", module=r"sklearn\.preprocessing|lightgbm|xgboost|catboost|torch|skorch|keras"
        )
        try:
            yield
        except Exception as error:
            if not _is_for_users(error):
                raise
            sentence = _first_paragraph(error) or type(error).__name__
            sentence = next((ours for part, ours in SENTENCES.items() if part in sentence), sentence)
            reason = f"{sentence} {HINTS.get(algorithm.name, '')}".strip()
            raise ValidationError(
                f"{algorithm.name} could not be fitted: {reason}", code="fit_failed"
            ) from error
    # The others are for programmers: deprecations, and numpy's overflow on the way to a good result.
    by_line = {(w.filename, w.lineno): w.message for w in caught if isinstance(w.message, UserWarning)}
    warnings.extend(_first_paragraph(message) for message in by_line.values())


@contextmanager
def prediction_errors(model: str, *, code: str) -> Iterator[None]:
    """Raise what a fitted model raises for the rows to predict as ValidationError with this code."""
    try:
        yield
    except Exception as error:
        if not _is_for_users(error):
            raise
        reason = _first_paragraph(error)
        if not isinstance(error, ValueError):  # the text of a KeyError is but the key
            reason = f"{type(error).__name__}: {reason}"
        raise ValidationError(f"{model} cannot predict these rows: {reason}", code=code) from error


def _is_for_users(error: Exception) -> bool:
    return isinstance(error, USER_ERRORS) or type(error).__name__ in FRAMEWORK_ERRORS


def _first_paragraph(error: Exception | Warning) -> str:
    """Its text up to the first empty line, on one line of at most 400 characters, with a full stop."""
    text = " ".join(PLACE.sub("", PLACE.sub("", str(error).strip())).split("\n\n")[0].split())
    text = text if len(text) <= 400 else text[:399] + "…"
    return text if not text or text[-1] in ".!?…" else text + "."
