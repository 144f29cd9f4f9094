"""What an automatic group tries: these algorithms, first with these parameters, then within these ranges.

docs/decisions/training-groups.md explains the choice.
"""

from registry.estimators import algorithms
from registry.estimators.frameworks import extras
from registry.search.space import Family, Range

# Their time or memory grows too fast for more rows.
MAX_ROWS = {"KNeighbors": 20_000, "MLP": 100_000}
BOOSTING = (
    Range("learning_rate", low=0.01, high=0.3, log=True),
    Range("max_iter", low=50, high=500, log=True, is_integer=True),
    Range("max_leaf_nodes", low=4, high=127, log=True, is_integer=True),
    Range("min_samples_leaf", low=2, high=100, log=True, is_integer=True),
    Range("l2_regularization", choices=(0, 0.01, 0.1, 1, 10)),
    Range("max_features", low=0.3, high=1.0),
)
BOOSTING_FIRST = {
    "learning_rate": 0.1,
    "max_iter": 100,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "l2_regularization": 0,
    "max_features": 1.0,
}
XGBOOST = (
    Range("learning_rate", low=0.01, high=0.3, log=True),
    Range("n_estimators", low=50, high=500, log=True, is_integer=True),
    Range("max_depth", low=2, high=10, is_integer=True),
    Range("min_child_weight", low=1, high=30, log=True),
    Range("reg_lambda", choices=(0, 0.1, 1, 10)),
    Range("subsample", low=0.5, high=1.0),
    Range("colsample_bytree", low=0.3, high=1.0),
)
XGBOOST_FIRST = {
    "learning_rate": 0.1, "n_estimators": 100, "max_depth": 6, "min_child_weight": 1, "reg_lambda": 1,
    "subsample": 1.0, "colsample_bytree": 1.0,
}  # fmt: skip
LIGHTGBM = (
    Range("learning_rate", low=0.01, high=0.3, log=True),
    Range("n_estimators", low=50, high=500, log=True, is_integer=True),
    Range("num_leaves", low=4, high=127, log=True, is_integer=True),
    Range("min_child_samples", low=2, high=100, log=True, is_integer=True),
    Range("reg_lambda", choices=(0, 0.1, 1, 10)),
    Range("colsample_bytree", low=0.3, high=1.0),
)
LIGHTGBM_FIRST = {
    "learning_rate": 0.1, "n_estimators": 100, "num_leaves": 31, "min_child_samples": 20, "reg_lambda": 0,
    "colsample_bytree": 1.0,
}  # fmt: skip
FOREST = (
    Range("n_estimators", choices=(100, 200, 400)),
    Range("max_features", choices=("sqrt", 0.33, 0.6, 1.0)),
    Range("min_samples_leaf", low=1, high=20, log=True, is_integer=True),
)
NEIGHBOURS = (
    Range("n_neighbors", low=1, high=50, log=True, is_integer=True),
    Range("weights", choices=("uniform", "distance")),
)
NEIGHBOURS_FIRST = {"n_neighbors": 5, "weights": "distance"}
NETWORK = (
    Range("hidden_layer_sizes", choices=([32], [100], [64, 32], [128, 64])),
    Range("alpha", low=1e-5, high=10, log=True),
    Range("learning_rate_init", low=5e-4, high=0.02, log=True),
)
NETWORK_FIRST = {"hidden_layer_sizes": [100], "alpha": 1e-4, "learning_rate_init": 1e-3}

# Of algorithms that no automatic group tries, by the start of their names.
OTHERS = {
    "CatBoost": (
        Range("learning_rate", low=0.01, high=0.3, log=True),
        Range("iterations", low=50, high=500, log=True, is_integer=True),
        Range("depth", low=2, high=10, is_integer=True),
        Range("l2_leaf_reg", low=1, high=30, log=True),
    ),
    "GradientBoosting": (
        Range("learning_rate", low=0.01, high=0.3, log=True),
        Range("n_estimators", low=50, high=500, log=True, is_integer=True),
        Range("max_depth", low=2, high=8, is_integer=True),
        Range("min_samples_leaf", low=1, high=50, log=True, is_integer=True),
        Range("subsample", low=0.5, high=1.0),
    ),
    **dict.fromkeys(
        ("TorchMLP", "KerasMLP"),
        (
            Range("hidden_layers", low=1, high=4, is_integer=True),
            Range("hidden_units", low=32, high=512, log=True, is_integer=True),
            Range("dropout", low=0.0, high=0.5),
            Range("lr", low=3e-4, high=0.01, log=True),
            Range("weight_decay", low=1e-5, high=0.1, log=True),
        ),
    ),
    **dict.fromkeys(
        ("SVC", "SVR"),
        (Range("C", low=0.01, high=1000, log=True), Range("gamma", low=1e-4, high=1, log=True)),
    ),
}


def usual_ranges(algorithm: algorithms.Algorithm) -> tuple[Range, ...]:
    """What to search for one algorithm: what an automatic group does, or that of OTHERS; nothing of most."""
    for one in families(algorithm.task, rows=0):
        if one.algorithm == algorithm:
            return one.ranges
    return next((ranges for start, ranges in OTHERS.items() if algorithm.name.startswith(start)), ())


def families(task: str, *, rows: int) -> list[Family]:
    """The families for a task and this number of training rows, in the order of their first trials."""
    is_classification = task == "classification"
    forest_first = {
        "n_estimators": 100, "max_features": "sqrt" if is_classification else 1.0, "min_samples_leaf": 1,
    }  # fmt: skip
    linear = (
        ("LogisticRegression", {"max_iter": 1000}, (Range("C", low=1e-3, high=1e3, log=True),), {"C": 1.0})
        if is_classification
        else ("Ridge", {}, (Range("alpha", low=1e-3, high=1e3, log=True),), {"alpha": 1.0})
    )
    kind = "Classifier" if is_classification else "Regressor"
    described = [
        linear,  # the fastest, so that a short budget has a result
        (f"HistGradientBoosting{kind}", {}, BOOSTING, BOOSTING_FIRST),
        (f"ExtraTrees{kind}", {}, FOREST, forest_first),
        (f"RandomForest{kind}", {}, FOREST, forest_first),
        (f"XGB{kind}", {}, XGBOOST, XGBOOST_FIRST),
        (f"LGBM{kind}", {}, LIGHTGBM, LIGHTGBM_FIRST),
        (f"KNeighbors{kind}", {}, NEIGHBOURS, NEIGHBOURS_FIRST),
    ]
    if is_classification:  # a network needs a scaled target for a regression
        described.append(("MLPClassifier", {"max_iter": 100}, NETWORK, NETWORK_FIRST))
    return [
        Family(algorithms.find(name), fixed, ranges, first)
        for name, fixed, ranges, first in described
        if not _is_missing(name)
        and all(rows <= limit for start, limit in MAX_ROWS.items() if name.startswith(start))
    ]


def _is_missing(name: str) -> bool:
    """Whether it needs an optional framework that is not installed."""
    framework = extras.of_class(name)
    return framework is not None and not framework.is_installed
