"""What CatBoost offers: its estimators with their parameters, types and bounds. It is not imported here.

Names, defaults and meaning are those of https://catboost.ai/docs/en/references/training-parameters/common. The
signature has a hundred parameters without defaults, of which these shape the trees; the others cannot be set.
"""

from registry.estimators.parameters import Parameter, choice, integer, number

MAX_SEED = 2**31 - 1
MAX = 1e12
SMALL = 1e-6  # instead of an open bound at 0

COMMON = (
    integer("iterations", 1_000, 1, 100_000, "The number of trees."),
    number("learning_rate", None, SMALL, 1, "The step size; null chooses it by the rows and iterations."),
    integer("depth", 6, 1, 16, "The depth of a tree."),
    number("l2_leaf_reg", 3, 0, MAX, "L2 regularization of the values of leaves."),
    choice(
        "grow_policy",
        "SymmetricTree",
        ("SymmetricTree", "Depthwise", "Lossguide"),
        "Split all nodes of a level alike, level by level, or the node with the highest loss change.",
    ),
    integer("min_data_in_leaf", 1, 1, 10_000_000, "The minimum number of rows in a leaf of unlike splits."),
    integer("max_leaves", None, 2, 64, "The maximum number of leaves of a Lossguide tree."),
    number("random_strength", 1, 0, MAX, "How much randomness the scores of splits get."),
    choice(
        "bootstrap_type",
        None,
        ("Bayesian", "Bernoulli", "MVS", "No"),
        "How the rows of a tree are sampled or weighted.",
    ),
    number("bagging_temperature", None, 0, 1_000, "The intensity of the Bayesian weights of rows."),
    number("subsample", None, SMALL, 1, "The share of rows that each tree sees, if they are sampled."),
    number("rsm", 1, SMALL, 1, "The share of columns that each split sees."),
    integer("border_count", 254, 1, 65_535, "The number of splits of a numeric column."),
    integer("one_hot_max_size", None, 2, 255, "Columns of at most as many categories are one-hot."),
    integer(
        "leaf_estimation_iterations", None, 1, 100, "The number of steps that compute the values of leaves."
    ),
    choice("nan_mode", "Min", ("Min", "Max"), "Gaps are less or greater than all numbers."),
    integer(
        "early_stopping_rounds",
        None,
        1,
        10_000,
        "Stop when as many trees have not reduced the loss on a tenth of the training rows.",
    ),
    integer("random_state", None, 0, MAX_SEED, "The seed of samples and orders."),
)
OF_CLASSIFIERS = (
    choice(
        "auto_class_weights", None, ("Balanced", "SqrtBalanced"), "Weights of classes by their frequency."
    ),
)
OF_REGRESSORS = (
    choice("loss_function", "RMSE", ("RMSE", "MAE", "MAPE", "Poisson"), "The loss that is reduced."),
)

CLASSES: dict[str, tuple[Parameter, ...]] = {
    "CatBoostClassifier": (*COMMON, *OF_CLASSIFIERS),
    "CatBoostRegressor": (*COMMON, *OF_REGRESSORS),
}
SUMMARIES = {
    "CatBoostClassifier": "CatBoost: gradient-boosted trees for classes, with native categories and gaps.",
    "CatBoostRegressor": "CatBoost: gradient-boosted trees for numbers, with native categories and gaps.",
}

_PATH = "it writes files"
_PLATFORM = "the platform sets it"
REFUSED = {
    "thread_count": _PLATFORM,
    "verbose": _PLATFORM,
    "silent": _PLATFORM,
    "logging_level": _PLATFORM,
    "metric_period": _PLATFORM,
    "allow_writing_files": _PLATFORM,
    "task_type": _PLATFORM,
    "devices": _PLATFORM,
    "used_ram_limit": _PLATFORM,
    "train_dir": _PATH,
    "name": _PATH,
    "save_snapshot": _PATH,
    "snapshot_file": _PATH,
    "snapshot_interval": _PATH,
    "output_borders": _PATH,
    "input_borders": "it reads a file",
    "fixed_binary_splits": "it reads a file",
    "cat_features": "the preparation of the columns decides",
    "text_features": "the preparation of the columns decides",
    "embedding_features": "the preparation of the columns decides",
    "callback": "it is code",
    "eval_metric": "early stopping uses the loss that is reduced",
    "loss_function": "it follows from the number of classes",
    "auto_class_weights": "it is for classes",
    "n_estimators": "its name is iterations",
    "max_depth": "its name is depth",
    "reg_lambda": "its name is l2_leaf_reg",
    "colsample_bylevel": "its name is rsm",
    "max_bin": "its name is border_count",
    "random_seed": "its name is random_state",
}
FIXED = {"verbose": False, "allow_writing_files": False}
