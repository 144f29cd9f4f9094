"""From table columns to the numbers that an estimator is fitted on, with scikit-learn and pandas objects only.

None of our own functions may be part of the pipeline: an artifact must load without this code.
"""

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from operator import attrgetter

import numpy as np
import pandas

from registry.estimators.fold_splitters import splitter
from registry.estimators.frameworks import fitting
from registry.training.column_facts import PARTS
from registry.training.preparation import FOLDS, MAX_CATEGORIES, WORD_COMPONENTS, Choice, Requirements

# The limit of one-hot columns for all text columns together: 2,000 of them over 100,000 rows are 1.6 GB.
MAX_ONE_HOT_COLUMNS = 2_000
MAX_TERMS = 20_000
CYCLES = {"dt.month": 12, "dt.day_of_week": 7, "dt.hour": 24}


def column_transformer(choices: Sequence[Choice], estimator, *, task: str):
    """A ColumnTransformer with a group of columns for each way to prepare them, and one for each column of words.

    Native categories are first, since HistGradientBoosting moves them there. The names "numbers", "dates" and "text"
    are those of artifacts of earlier versions, as is what "numbers" and "text" do.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline

    columns = {}
    for choice in choices:
        columns.setdefault(choice.prepare, []).append(choice.column)
    steps = {
        "native": lambda: _native(
            estimator, max((one.distinct or 0 for one in choices if one.prepare == "native"), default=0)
        ),
        "as_is": lambda: [_astype("float64")],
        "scale": lambda: _impute_and_scale(estimator),
        "scale_with_indicator": lambda: _impute_and_scale(estimator, add_indicator=True),
        "date_parts": lambda: _date_parts(estimator, {part for choice in choices for part in choice.parts}),
        "one_hot": lambda: _one_hot(len(columns["one_hot"])),
        "target_mean": lambda: [*_target_mean(task), *_scale_unless_trees(estimator)],
    }
    names = {"scale": "numbers", "one_hot": "text"}
    groups = [
        (names.get(prepare, prepare), make_pipeline(*make()), columns[prepare])
        for prepare, make in steps.items()
        if prepare in columns
    ]
    words = [*_words(), *_scale_unless_trees(estimator)] if "words" in columns else []
    groups += [
        (f"words_{number}", make_pipeline(*words), column)
        for number, column in enumerate(columns.get("words", ()), 1)
    ]
    if "native" in columns:
        fitting.set_native_categories(estimator, len(columns["native"]))
    return ColumnTransformer(groups)


def _is_tree(estimator) -> bool:
    return Requirements.of(estimator).is_tree


def _astype(dtype):
    from sklearn.preprocessing import FunctionTransformer

    return FunctionTransformer(pandas.DataFrame.astype, kw_args={"dtype": dtype})


def _impute_and_scale(estimator, *, add_indicator: bool = False) -> list:
    """Median and standard scale; a positive scale, or bins, for the estimators that require it.

    `add_indicator` adds a column for each that has gaps, which says where.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, StandardScaler
    from sklearn.utils import get_tags

    tags = get_tags(estimator).input_tags
    if tags.categorical and tags.positive_only:  # CategoricalNB would truncate scaled numbers to 0
        scale = KBinsDiscretizer(
            n_bins=10, encode="ordinal", quantile_method="averaged_inverted_cdf", random_state=0
        )
    else:
        scale = MinMaxScaler(clip=True) if tags.positive_only else StandardScaler()
    return [SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=add_indicator), scale]


def _scale_unless_trees(estimator) -> list:
    from sklearn.preprocessing import StandardScaler

    return [] if _is_tree(estimator) else [StandardScaler()]


def _native(estimator, most: int) -> list:
    """Codes for the estimator's own categories: missing and unseen are NaN, rare ones beyond its bins share a code.

    `most` is the number of categories of the column that has most: a limit takes longer than the codes.
    """
    from sklearn.preprocessing import OrdinalEncoder

    limit = fitting.max_native_categories(estimator)
    limit = limit if most >= limit else None
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=limit)
    return [_astype("str"), encoder]


def _target_mean(task: str) -> list:
    """The mean of the target in each category, of each class if there are several; cross-fitted during the fit."""
    from sklearn.preprocessing import TargetEncoder

    kind = "continuous" if task == "regression" else "auto"
    return [_astype("str"), TargetEncoder(target_type=kind, cv=FOLDS, random_state=0)]


@contextlib.contextmanager
def cross_fitted_by(steps, y: np.ndarray | None, groups: np.ndarray | None) -> Iterator[None]:
    """A context in which the target means of these unfitted steps are cross-fitted in folds that do not divide the
    `groups`, numbers of the rows to fit: else a category has the targets of other rows of the group that it encodes.

    Fitted steps do not keep the folds. One group alone, or none, is divided at random.
    """
    encoders = [] if groups is None else list(_target_encoders(steps))
    if not encoders or len(np.unique(groups)) < 2:
        yield
        return
    groups = np.unique(groups, return_inverse=True)[1]
    is_stratified = (
        encoders[0].target_type != "continuous"
    )  # folds of equal means leave no trace in the codes
    folds = splitter(min(FOLDS, groups.max() + 1), is_stratified=is_stratified, groups=groups, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a class that some folds lack
        positions = list(folds.split(groups, np.unique(y, return_inverse=True)[1], groups))
    for encoder in encoders:
        encoder.set_params(cv=positions)
    try:
        yield
    finally:
        for encoder in _target_encoders(steps):
            encoder.set_params(cv=FOLDS)


def _target_encoders(step) -> Iterator:
    """Those in a pipeline, in its columns and in the pipelines of an ensemble, fitted or not."""
    if type(step).__name__ == "TargetEncoder":
        yield step
    for name in ("steps", "transformers", "transformers_", "estimators"):
        for part in getattr(step, name, ()):
            if isinstance(part, tuple):
                yield from _target_encoders(part[1])
    if isinstance(
        getattr(step, "estimators", None), list
    ):  # of an ensemble, whose fitted members have no names
        for member in getattr(step, "estimators_", ()):
            yield from _target_encoders(member)


def _date_parts(estimator, used: set[str]) -> list:
    """Seconds since 1970 and the calendar parts that are used; as sine and cosine for estimators that are not trees.

    Dates can be ISO strings, as `pandas.read_csv` returns them. Gaps become NaN, and not by a cast: numpy and pandas
    turn a missing date into -9.2e18 on the way to a number.
    """
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def apply(function, **arguments):
        return FunctionTransformer(function, kw_args=arguments)

    def part(name):
        return apply(pandas.DataFrame.apply, func=attrgetter(name))

    epoch = pandas.Timestamp("1970-01-01", tz="UTC")
    seconds = make_pipeline(
        apply(pandas.DataFrame.sub, other=epoch),
        apply(pandas.DataFrame.div, other=pandas.Timedelta(seconds=1)),
    )
    if _is_tree(estimator):
        parts = [(name, part(name)) for name in PARTS if name in used]
    else:
        parts = [
            (
                f"{wave.__name__} {name}",
                make_pipeline(
                    part(name),
                    apply(pandas.DataFrame.mul, other=2 * math.pi / length),
                    FunctionTransformer(wave),
                ),
            )
            for name, length in CYCLES.items()
            if name in used
            for wave in (np.sin, np.cos)
        ]
    parse = apply(pandas.DataFrame.apply, func=pandas.to_datetime, format="ISO8601", utc=True)
    union = FeatureUnion([("seconds", seconds), *parts])
    return [parse, union, *([] if _is_tree(estimator) else _impute_and_scale(estimator))]


def _words() -> list:
    """The main directions in the weights of words and pairs of words."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import FunctionTransformer

    return [
        FunctionTransformer(pandas.Series.fillna, kw_args={"value": ""}),
        FunctionTransformer(pandas.Series.astype, kw_args={"dtype": "str"}),
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), max_features=MAX_TERMS),
        TruncatedSVD(n_components=WORD_COMPONENTS, random_state=0),
    ]


def _one_hot(text_columns: int) -> list:
    """One column per frequent category; infrequent and unseen ones share one, which bounds the memory of IDs."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    limit = min(max(MAX_ONE_HOT_COLUMNS // max(text_columns, 1), 2), MAX_CATEGORIES)
    return [
        _astype("str"),
        SimpleImputer(strategy="constant", fill_value="missing", keep_empty_features=True),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=limit, sparse_output=False),
    ]
