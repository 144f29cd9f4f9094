"""scikit-learn's errors and warnings as sentences that a user can act on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError

from registry.estimators.algorithms import Algorithm

# What scikit-learn raises for data or parameters that do not suit an algorithm. MemoryError is no such reason.
UNSUITABLE = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, NameError, RuntimeError)
# Which field of a request for a training a refusal is about, by its code.
FIELDS = {
    "target_not_found": "target",
    "no_target": "target",
    "date_target": "target",
    "text_target": "target",
    "continuous_target": "target",
    "too_many_classes": "target",
    "one_class": "target",
    "rare_class": "target",
    "feature_not_found": "features",
    "duplicate_feature": "features",
    "target_is_feature": "features",
    "no_features": "features",
    "infinite_values": "features",
    "invalid_parameter": "params",
    "test_size": "test_size",
    "too_few_rows": "test_size",
    "random_state": "random_state",
    "timeout": "timeout_s",
}
# What to do about reasons that scikit-learn gives in its own terms.
HINTS = {
    "GammaRegressor": "Its target must be above 0 in every row.",
    "IsotonicRegression": "Choose exactly one feature, a number.",
    "NuSVC": "Choose a smaller nu, or SVC.",
    "PoissonRegressor": "Its target must be 0 or more in every row.",
    "QuadraticDiscriminantAnalysis": "A reg_param such as 0.1 helps.",
    "RadiusNeighborsRegressor": "Choose a larger radius.",
}


@contextmanager
def as_sentences(algorithm: Algorithm, notes: list[str]) -> Iterator[None]:
    """Collect scikit-learn's warnings in `notes`, and raise its errors as ValidationError (fit_failed)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=r"sklearn\.preprocessing")  # of scaling, which is our choice
        try:
            yield
        except UNSUITABLE as error:
            sentences = [_first_paragraph(error) or type(error).__name__, HINTS.get(algorithm.name, "")]
            reason = " ".join(sentences).strip()
            raise ValidationError(
                f"{algorithm.name} could not be fitted: {reason}", code="fit_failed"
            ) from error
    # The others speak to programmers: deprecations, and numpy's overflow on the way to a good result.
    spoken = {(w.filename, w.lineno): w.message for w in caught if isinstance(w.message, UserWarning)}
    notes.extend(_first_paragraph(message) for message in spoken.values())


def _first_paragraph(error: Exception | Warning) -> str:
    """Its text up to the first empty line, on one line of at most 400 characters, with a full stop."""
    text = " ".join(str(error).strip().split("\n\n")[0].split())
    text = text if len(text) <= 400 else text[:399] + "…"
    return text if not text or text[-1] in ".!?…" else text + "."
