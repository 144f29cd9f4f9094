"""What scikit-learn offers: its classifiers, regressors and clusterers, and what is special about some of them."""

import inspect

from registry.estimators import array_libraries, sklearn_parameters

TASKS = {"classifier": "classification", "regressor": "regression", "cluster": "clustering"}

# Estimators that scikit-learn builds without arguments but that cannot be fitted on one table with one target.
EXCLUDED = {
    "FeatureAgglomeration": "it clusters columns, not rows; use AgglomerativeClustering for rows",
    "MultiTaskElasticNet": "it needs several target columns; use ElasticNet",
    "MultiTaskElasticNetCV": "it needs several target columns; use ElasticNetCV",
    "MultiTaskLasso": "it needs several target columns; use Lasso",
    "MultiTaskLassoCV": "it needs several target columns; use LassoCV",
    "SelfTrainingClassifier": "it needs another estimator as an argument",
}

# Replaces scikit-learn's defaults that fail with one target column, or on a row far from the training rows.
DEFAULTS = {
    "CCA": {"n_components": 1},
    "IsotonicRegression": {"out_of_bounds": "clip"},
    "PLSCanonical": {"n_components": 1},
    "RadiusNeighborsClassifier": {"outlier_label": "most_frequent"},
}

# The remedy for errors that scikit-learn reports in its own terms.
HINTS = {
    "GammaRegressor": "The target must be above 0 in every row.",
    "IsotonicRegression": "Select exactly one numeric feature.",
    "NuSVC": "Use a smaller nu, or SVC.",
    "PoissonRegressor": "The target must be 0 or more in every row.",
    "QuadraticDiscriminantAnalysis": "Set reg_param, for example to 0.1.",
    "RadiusNeighborsRegressor": "Use a larger radius.",
}


def estimators() -> list[tuple[str, type, str]]:
    """Name, class and task of every estimator that can be fitted here. The first call takes some seconds."""
    from sklearn.utils import all_estimators

    with array_libraries.hidden():
        return [
            (name, cls, task)
            for kind, task in TASKS.items()
            for name, cls in all_estimators(type_filter=kind)
            if name not in EXCLUDED and not _requires_arguments(cls)
        ]


def _requires_arguments(cls: type) -> bool:
    return inspect.Parameter.empty in sklearn_parameters.defaults(cls).values()
