"""Whether a training fits in memory, and which algorithms can be trained in passes if it does not."""

import dataclasses
import inspect
from collections.abc import Sequence

from django.core.exceptions import ValidationError

from registry.estimators import algorithms
from registry.estimators.algorithms import Algorithm
from registry.training import preparation
from registry.training.columns import select_features
from registry.training.preparation import FOLDS, MAX_CATEGORIES, MAX_CLASSES, WORD_COMPONENTS, Choice
from registry.training.request import TrainingRequest

START_BYTES = 200 * 1024**2  # of a training before it reads its table
MIN_SHARE = 0.25  # of a limit, which is for the table even if the limit is not much more than the start
CELL_BYTES = {"integer": 8, "number": 8, "date": 8, "boolean": 2, "text": 4}
# Measured, see docs/performance.md: the frame and its training rows, and the encoded rows with one copy of them.
COPIES_OF_CELLS, COPIES_OF_ENCODED = 3, 3
# In passes: the process with its batches and the rows that it measures, what is known of a row, such as its target and
# its place, and the bins of its values.
PASSES_START_BYTES = 400 * 1024**2
KNOWN_BYTES, BIN_BYTES = 150, {"xgboost": 4, "lightgbm": 2}
CATEGORICAL = ("one_hot", "native", "target_mean")
# Of a category, and of each mean of the target in it: the rows, sums and squares of each fold, and the encodings.
CATEGORY_BYTES, MEAN_BYTES = 300, 8 * (3 * FOLDS + 1)
INCREMENTAL = "partial_fit"
BINNED = ("xgboost", "lightgbm")  # which take their rows in batches, and keep the bins of their values
# They have `partial_fit`, but not one that does what `fit` does.
NOT_INCREMENTAL = {
    "CategoricalNB": "its bins depend on all rows",
    "Birch": "its tree of clusters grows with the rows",
}
ALTERNATIVES = 3
FEWER = "Select fewer columns, or derive a dataset of fewer rows."
LINEAR = ("SGD", "PassiveAggressive", "Perceptron", "XGB", "LGBM", "GaussianNB", "MLP")
TREES = ("XGBClassifier", "XGBRegressor", "LGBM", "XGBRF", "MLP", "SGD", "GaussianNB", "Perceptron")
NEURAL = ("MLP", "XGBClassifier", "XGBRegressor", "LGBM", "SGD", "PassiveAggressive", "Perceptron")
BAYES = ("GaussianNB", "BernoulliNB", "SGD", "XGB", "LGBM", "MLP")
# The algorithms that are nearest to those of a module, by the start of their names; first those of the same module.
NEAREST = {
    "ensemble": TREES,
    "tree": TREES,
    "xgboost": TREES,
    "lightgbm": TREES,
    "catboost": TREES,
    "neural_network": NEURAL,
    "torch": NEURAL,
    "keras": NEURAL,
    "naive_bayes": BAYES,
}


def needed_bytes(
    request: TrainingRequest, *, columns: Sequence[dict], profile: Sequence[dict], rows: int
) -> int:
    """What a resolved training takes in memory at its peak, by the profile of its columns."""
    return _in_memory_bytes(_sizes(request, columns, profile, rows), rows)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The bytes of a row of the inputs, its encoded columns, and what its categories take in passes, in bytes."""

    cells: int
    width: int
    categories: int


def _in_memory_bytes(sizes: Sizes, rows: int) -> int:
    return START_BYTES + rows * (COPIES_OF_CELLS * sizes.cells + COPIES_OF_ENCODED * 8 * sizes.width)


def _sizes(request: TrainingRequest, columns: Sequence[dict], profile: Sequence[dict], rows: int) -> Sizes:
    if request.algorithm.is_ensemble:
        request = request.ensemble_members()[0]
    profiles = {one["name"]: one for one in profile}
    inputs = select_features(
        list(columns), features=request.features, target=request.target, reserved=request.reserved
    )
    target = profiles.get(request.target)
    choices = expected_choices(request, inputs, profiles, rows)
    widths = {choice.column: _width(choice, profiles[choice.column], target) for choice in choices}
    cells = sum(CELL_BYTES[column["type"]] for column in inputs)
    return Sizes(cells, sum(widths.values()), _category_bytes(choices, widths, cells, rows))


def _category_bytes(choices: list[Choice], widths: dict[str, int], cells: int, rows: int) -> int:
    """In passes: the small table that has each category, and the means of the target with the targets themselves."""
    counts = [choice.distinct or 0 for choice in choices if choice.prepare in CATEGORICAL]
    total = COPIES_OF_CELLS * cells * max(counts, default=0)
    encoded = [choice for choice in choices if choice.prepare == "target_mean"]
    for choice in encoded:
        total += (choice.distinct or 0) * (CATEGORY_BYTES + MEAN_BYTES * widths[choice.column])
    return total + 2 * 8 * rows * max((widths[choice.column] for choice in encoded), default=0)


def expected_choices(
    request: TrainingRequest, inputs: list[dict], profiles: dict[str, dict], rows: int
) -> list[Choice]:
    estimator = algorithms.build(request.algorithm, request.params, None)
    can_use_target = preparation.profile_can_use_target(
        profiles.get(request.target), rows=rows, task=request.task
    )
    requested = {name: choice for name, choice in request.prepare.items() if choice != preparation.LEAVE_OUT}
    return preparation.expect(
        inputs, estimator, profile=profiles, rows=rows, can_use_target=can_use_target, requested=requested
    )


def _width(choice: Choice, profile: dict, target: dict | None) -> int:
    """The encoded columns of a column."""
    if choice.prepare == "one_hot":
        return min(choice.distinct or 1, MAX_CATEGORIES)
    if choice.prepare == "target_mean":
        classes = (target or {}).get("distinct") or 1
        return classes if 2 < classes <= MAX_CLASSES else 1
    if choice.prepare == "date_parts":
        return 1 + len(choice.parts)
    return {"words": WORD_COMPONENTS, "scale_with_indicator": 2}.get(choice.prepare, 1)


def budget_bytes(limit_mb: int) -> float:
    """What a table and its copies may take below a limit of the memory."""
    limit = limit_mb * 1024**2
    return max(limit - START_BYTES, MIN_SHARE * limit)


def reason_against(algorithm: Algorithm) -> str | None:
    """Why an algorithm cannot be fitted in passes, which completes a sentence; None if it can."""
    if algorithm.name in NOT_INCREMENTAL:
        return NOT_INCREMENTAL[algorithm.name]
    if algorithm.module in BINNED:
        return None
    if algorithm.framework is None and hasattr(algorithm.cls, INCREMENTAL):
        return None
    return "it needs all rows at once"


def in_passes(task: str) -> list[Algorithm]:
    """The algorithms of a task that can be fitted in passes."""
    return [one for one in algorithms.all_algorithms() if one.task == task and not reason_against(one)]


@dataclasses.dataclass(frozen=True)
class Excess:
    """A table that does not fit in memory: what a training takes with all rows at once, and the limit."""

    needed_mb: int
    limit_mb: int
    rows: int
    width: int  # the encoded columns
    category_bytes: int

    @property
    def sentence(self) -> str:
        return f"about {self.needed_mb:,} MB of memory, and the limit is {self.limit_mb:,} MB"

    def in_passes_mb(self, algorithm: Algorithm) -> int:
        """What a training in passes takes."""
        row = KNOWN_BYTES + self.width * BIN_BYTES.get(algorithm.module, 0)
        return (PASSES_START_BYTES + self.category_bytes + self.rows * row) // 1024**2

    def algorithms(self, task: str) -> list[Algorithm]:
        """Those that can be fitted in passes within the limit."""
        return [one for one in in_passes(task) if self.in_passes_mb(one) <= self.limit_mb]


def nearest(algorithm: Algorithm, among: Sequence[Algorithm]) -> list[str]:
    """Up to three of some algorithms, those that learn most like this one first."""
    order = NEAREST.get(algorithm.module, LINEAR)

    def rank(one: Algorithm) -> tuple:
        places = [place for place, start in enumerate(order) if one.name.startswith(start)]
        return one.module != algorithm.module, min(places, default=len(order)), one.name

    return [one.name for one in sorted(among, key=rank)[:ALTERNATIVES]]


def excess(
    request: TrainingRequest,
    *,
    columns: Sequence[dict],
    profile: Sequence[dict],
    rows: int,
    limit_mb: int,
) -> Excess | None:
    """What a training needs if that does not fit in memory, else None."""
    sizes = _sizes(request, columns, profile, rows)
    needed = _in_memory_bytes(sizes, rows)
    if needed - START_BYTES <= budget_bytes(limit_mb):
        return None
    return Excess(needed // 1024**2, limit_mb, rows, sizes.width, sizes.categories)


def choose(
    request: TrainingRequest,
    *,
    columns: Sequence[dict],
    profile: Sequence[dict],
    rows: int,
    limit_mb: int,
) -> TrainingRequest:
    """A resolved request with `in_passes` set if the training does not fit in memory.

    Raises ValidationError, by field, with code too_large for what cannot be fitted in passes.
    """
    found = excess(request, columns=columns, profile=profile, rows=rows, limit_mb=limit_mb)
    if found and (errors := refusals(request, found)):
        raise ValidationError({field: too_large(sentence) for field, sentence in errors.items()})
    return dataclasses.replace(request, in_passes=found is not None)


def too_large(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="too_large")


def refusal_of_group(found: Excess) -> str:
    return (
        f"The trials read the table into memory: they need {found.sentence}. "
        "Train one algorithm that reads it in passes, or select fewer columns."
    )


def refusals(request: TrainingRequest, found: Excess) -> dict[str, str]:
    """What of a request is not possible in passes: a sentence by the field of the request."""
    algorithm = request.algorithm
    if reason := reason_against(algorithm):
        names = nearest(algorithm, found.algorithms(algorithm.task))
        listed = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)
        read = "which read the table in passes" if len(names) > 1 else "which reads the table in passes"
        advice = f"Use {listed}, {read}, or select fewer columns." if names else FEWER
        sentence = (
            f"{algorithm.name} cannot be trained on this table: {reason}, which takes {found.sentence}."
        )
        return {"model": f"{sentence} {advice}"}
    if (least_mb := found.in_passes_mb(algorithm)) > found.limit_mb:
        sentence = (
            f"{algorithm.name} cannot be trained on this table: even in passes it takes about {least_mb:,} MB of "
            f"memory, and the limit is {found.limit_mb:,} MB. {FEWER}"
        )
        return {"model": sentence}
    so = f"This training needs {found.sentence}, so it would read its table in passes."
    errors = {}
    if request.cv:
        errors["cv"] = f"{so} Folds are not possible then; leave them out."
    if request.refit:
        errors["refit"] = f"{so} Fitting again on all rows is not possible then; leave it out."
    if request.threshold is not None:
        errors["threshold"] = f"{so} A decision threshold is not possible then; leave it out."
    if request.calibration:
        errors["calibration"] = f"{so} A calibration is not possible then; leave it out."
    if request.sample_weight and not _takes_weights(algorithm):
        errors["sample_weight"] = f"{so} {algorithm.name} takes no weights then; leave them out."
    if sentence := _refused_parameter(request):
        errors["model.params"] = f"{so} {sentence}"
    return errors


def _takes_weights(algorithm: Algorithm) -> bool:
    return (
        algorithm.module in BINNED
        or "sample_weight" in inspect.signature(getattr(algorithm.cls, INCREMENTAL)).parameters
    )


def _refused_parameter(request: TrainingRequest) -> str | None:
    params = request.params
    if params.get("tree_method") == "approx":
        return "The tree_method approx needs all values in each round; use hist."
    if params.get("early_stopping"):
        return "Set early_stopping to false: it stops by its score on training rows."
    if request.algorithm.name.startswith("MLP") and params.get("solver") == "lbfgs":
        return "The solver lbfgs needs all rows at once; use adam or sgd."
    return None
