"""Fitting estimators of optional frameworks: threads, categories, early stopping and progress. No Django.

What a fit needs for a moment is set on the estimator and taken back, so a clone of the fitted one repeats the request.
"""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from registry.estimators import decision, threads, wrappers
from registry.estimators.frameworks import devices, early_stopping, extras

FEW_CELLS = 200_000  # for which threads cost more than they save
MAX_CATEGORIES = 255  # of a column that is split by category; the rare ones share a code

# The names of parameters that are others in CatBoost.
TREES = {"catboost": "iterations"}
CATBOOST_TREES = 1_000  # unless a request sets them
THREADS = {"catboost": "thread_count"}

Report = Callable[[float], None]


def max_native_categories(estimator) -> int | None:
    """The number of categories of a column that an estimator takes by itself; None if it does not."""
    framework = extras.of_estimator(estimator)
    if framework is None:
        is_native = getattr(estimator, "categorical_features", None) == "from_dtype"
        return estimator.max_bins if is_native else None
    return min(MAX_CATEGORIES, estimator.get_params().get("max_bin") or MAX_CATEGORIES)


def set_native_categories(estimator, count: int) -> None:
    """The first `count` columns of its rows are the codes of categories."""
    framework = extras.of_estimator(estimator)
    if framework is None:
        estimator.set_params(categorical_features=list(range(count)))
    elif framework.is_network:
        estimator.set_params(categories=count)
    elif framework.name == "lightgbm":
        estimator.set_params(categorical_feature=list(range(count)))
    elif framework.name == "catboost":
        estimator.set_params(cat_features=tuple(range(count)))  # a list could not be cloned
    else:  # XGBoost wants the type of every column, whose number is known once they are encoded
        estimator.set_params(feature_types=["c"] * count)


def cell_steps(estimator) -> list[tuple[str, object]]:
    """The steps of a pipeline between the encoded columns and an estimator that takes no codes among floats.

    CatBoost wants categories as integers, in which -1 is a missing one; the columns are floats in which it is NaN.
    """
    count = len(estimator.get_params().get("cat_features") or ())
    if not count:
        return []
    import pandas
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    columns = range(count)
    fill, convert = {"value": dict.fromkeys(columns, -1)}, {"dtype": dict.fromkeys(columns, "int64")}
    steps = make_pipeline(
        FunctionTransformer(pandas.DataFrame),
        FunctionTransformer(pandas.DataFrame.fillna, kw_args=fill),
        FunctionTransformer(pandas.DataFrame.astype, kw_args=convert),
    )
    return [("cells", steps)]


def as_cells(estimator, X: np.ndarray):
    """Encoded rows as the estimator takes them."""
    for _, step in cell_steps(estimator):
        X = step.fit_transform(X)
    return X


def fit_pipeline(pipeline, X, y, weights: np.ndarray | None = None, **options) -> None:
    """Fit the steps "columns" and "model" of a pipeline; `options` are those of fit()."""
    model = pipeline[-1]
    is_wrapped = weights is not None and type(model).__name__ in wrappers.WRAPPERS
    if y is not None and (is_wrapped or extras.of_estimator(wrappers.estimator_of(model))):
        fit(model, pipeline[:-1].fit_transform(X, y), y, weights, **options)
        return
    options.pop("report", None)
    with contextlib.ExitStack() as stack:
        for member in _members(model):
            booster = wrappers.estimator_of(member[-1])
            if extras.of_estimator(booster):
                from sklearn.base import clone

                encoded = clone(member[:-1]).fit_transform(X, y)
                stack.enter_context(_configured(booster, encoded, y, weights, **options))
        pipeline.fit(X, y, **({} if weights is None else {"model__sample_weight": weights}))
        for member in getattr(model, "estimators_", ()):
            if hasattr(member, "steps"):
                settle(member[-1])


def fit(
    model,
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    groups: np.ndarray | None = None,
    is_in_time: bool = False,
    seed: int | None = None,
    report: Report | None = None,
) -> None:
    """Fit a model on encoded rows (rows, columns), whatever framework it is of.

    For early stopping, a part of the rows is held out that divides no group, or the last blocks of time: `groups` are
    numbers then, in the order of time if `is_in_time`. Raises ValueError for too few rows.
    """
    booster, arguments = wrappers.estimator_of(model), {} if weights is None else {"sample_weight": weights}
    routed = contextlib.nullcontext() if weights is None else decision.routing_weights(model)
    if extras.of_estimator(booster) is None:
        with routed:
            model.fit(X, y, **arguments)
        return
    options = {"groups": groups, "is_in_time": is_in_time, "seed": seed}
    if report and extras.of_estimator(booster).is_network:
        options |= {"report": report if model is booster else None}  # a wrapper fits it several times
    elif report:
        arguments |= _report_progress(model, booster, report)
    with _configured(booster, X, y, weights, **options), routed:
        model.fit(X, y, **arguments)
    settle(model)


@contextlib.contextmanager
def _configured(booster, X, y, weights, **options) -> Iterator[None]:
    """The booster, or network, with the parameters of one fit on all these rows."""
    asked, framework = booster.get_params(), extras.of_estimator(booster).name
    cores = 1 if X.size <= FEW_CELLS else threads.cores()
    if extras.FRAMEWORKS[framework].is_network:
        booster.set_params(fit_options=_network_options(cores, **options))
        try:
            yield
        finally:
            booster.set_params(**_after_fit(booster))
        return
    trees, jobs = TREES.get(framework, "n_estimators"), THREADS.get(framework, "n_jobs")
    booster.set_params(**{jobs: cores})
    if framework == "xgboost":
        booster.set_params(device=devices.of_xgboost())
    if asked.get("feature_types"):
        count = asked["feature_types"].count("c")
        booster.set_params(feature_types=["c"] * count + ["q"] * (X.shape[1] - count))
    # No tree has more leaves than rows, and LightGBM takes memory for each before the fit: gigabytes for 131,072.
    leaves = asked.get("num_leaves")
    if leaves:
        booster.set_params(num_leaves=min(leaves, max(len(X), 2)))
    rounds = asked.get("early_stopping_rounds")
    if rounds:
        codes = np.unique(y, return_inverse=True)[1] if _is_classifier(booster) else None
        parts = early_stopping.hold_out(codes, len(X), **options)
        best = _best_number_of_trees(booster, X, y, weights, parts, rounds)
        # CatBoost ignores it without rows to validate on, and cannot be cloned with a None.
        without = {"lightgbm": 0, "catboost": rounds}.get(framework)
        booster.set_params(**{trees: best, "early_stopping_rounds": without})
    try:
        yield
    finally:
        if leaves:
            booster.set_params(num_leaves=leaves)
        if rounds:
            booster.set_params(**{trees: asked.get(trees, CATBOOST_TREES), "early_stopping_rounds": rounds})
        booster.set_params(**_after_fit(booster))


def _network_options(threads: int, *, groups, is_in_time: bool, seed: int | None, report=None):
    """A wrapper also fits it on a part of the rows, whose groups are not known to it: these are divided at random."""
    from registry.estimators.networks.estimators import FitOptions

    def parts(codes: np.ndarray | None, rows: int) -> tuple[np.ndarray, np.ndarray]:
        known = groups if groups is not None and len(groups) == rows else None
        return early_stopping.hold_out(codes, rows, groups=known, is_in_time=is_in_time, seed=seed)

    return FitOptions(parts, threads=threads, device=devices.requested(), report=report)


def _best_number_of_trees(booster, X, y, weights, parts, rounds: int) -> int:
    """After how many rounds of a fit on the first part the loss on the second was least."""
    from sklearn.base import clone

    (fitted, held), trial = parts, clone(booster)
    framework = extras.of_estimator(booster).name
    if type(booster).__name__ in wrappers.IN_A_VOTE and _is_classifier(booster):
        y = np.searchsorted(np.unique(y[fitted]), y)
    arguments = {"eval_set": [(_rows(X, held), y[held])]}
    if framework == "lightgbm":
        import lightgbm

        trial.set_params(early_stopping_rounds=0)
        arguments["callbacks"] = [lightgbm.early_stopping(rounds, verbose=False)]
    else:
        arguments["verbose"] = False
    if weights is not None:
        arguments["sample_weight"] = weights[fitted]
        if framework != "catboost":
            name = "eval_sample_weight" if framework == "lightgbm" else "sample_weight_eval_set"
            arguments[name] = [weights[held]]
    trial.fit(_rows(X, fitted), y[fitted], **arguments)
    if framework == "catboost":
        return trial.get_best_iteration() + 1
    best = trial.best_iteration_ if framework == "lightgbm" else trial.best_iteration + 1
    if not best:
        raise ValueError("Early stopping is not possible with dropout; leave it out, or use other trees.")
    return int(best)


def _rows(X, positions: np.ndarray):
    return X.iloc[positions] if hasattr(X, "iloc") else X[positions]


def _is_classifier(booster) -> bool:
    return hasattr(type(booster), "predict_proba")


def _report_progress(model, booster, report: Report) -> dict:
    """The arguments of `fit` with which it reports the share of its rounds.

    A threshold and a calibration fit it several times and keep clones, so there are none. XGBoost calls what its
    parameter `callbacks` names.
    """
    if type(model).__name__ in wrappers.WRAPPERS:
        return {}
    if model is booster and extras.of_estimator(booster).name == "lightgbm":
        return {"callbacks": [lambda env: report((env.iteration + 1) / env.end_iteration)]}
    if type(booster).__name__ not in {"XGBClassifier", "XGBRegressor"}:
        return {}
    from xgboost.callback import TrainingCallback

    class Progress(TrainingCallback):
        def after_iteration(self, model, epoch, evals_log) -> bool:
            report((epoch + 1) / (booster.n_estimators or 100))
            return False

        def __deepcopy__(self, memo) -> "Progress":
            return self  # by clone() of a wrapper

    booster.set_params(callbacks=[Progress()])  # settle() removes it
    return {}


def settle(model) -> None:
    """One thread for predictions, and nothing of ours in what is saved."""
    for one in wrappers.fitted(model):
        framework = extras.of_estimator(one)
        if (
            framework and framework.name != "catboost"
        ):  # which refuses; its threads are an argument of predict()
            one.set_params(**_after_fit(one))
            devices.leave(one)


def _after_fit(booster) -> dict:
    framework = extras.of_estimator(booster)
    if framework.is_network:
        return {"fit_options": None}
    threads = THREADS.get(framework.name, "n_jobs")
    return {threads: 1} | dict.fromkeys({"callbacks", "device"} & booster.get_params().keys())


def _members(model) -> list:
    """The pipelines of an ensemble."""
    named = getattr(model, "estimators", None)
    return [one for _, one in named if hasattr(one, "steps")] if isinstance(named, list) else []
