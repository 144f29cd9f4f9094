"""What XGBoost offers: its estimators with their parameters, types and bounds. It is not imported here.

Names, defaults and meaning are those of https://xgboost.readthedocs.io/en/stable/parameter.html; a test compares them
with the signature of the installed version.
"""

from registry.estimators.parameters import Parameter, choice, integer, number

MAX_SEED = 2**32 - 1
MAX = 1e12
SMALL = 1e-6  # instead of an open bound at 0

COMMON = (
    integer("max_depth", 6, 0, 50, "The maximum depth of a tree; 0 means no limit."),
    integer("max_leaves", 0, 0, 100_000, "The maximum number of leaves of a tree; 0 means no limit."),
    integer("max_bin", 256, 2, 65_535, "The maximum number of bins of a numeric column."),
    choice(
        "grow_policy",
        "depthwise",
        ("depthwise", "lossguide"),
        "Split the nodes closest to the root first, or those with the highest loss change.",
    ),
    choice("tree_method", "hist", ("hist", "approx"), "The algorithm that builds trees."),
    number("gamma", 0, 0, MAX, "The loss reduction that a further split needs."),
    number("min_child_weight", 1, 0, MAX, "The minimum sum of instance weight that a child needs."),
    number("max_delta_step", 0, 0, MAX, "The maximum step of a leaf's weight; 0 means no limit."),
    number("colsample_bytree", 1, SMALL, 1, "The share of columns that each tree sees."),
    number("colsample_bylevel", 1, SMALL, 1, "The share of columns that each level of a tree sees."),
    number("reg_alpha", 0, 0, MAX, "L1 regularization of the weights of leaves."),
    number("base_score", None, -MAX, MAX, "The prediction that all trees start from; null estimates it."),
    integer(
        "max_cat_to_onehot", 4, 1, 10_000, "Columns of fewer categories are split one category at a time."
    ),
    integer("max_cat_threshold", 64, 1, 10_000, "The maximum number of categories that a split considers."),
    choice(
        "importance_type",
        None,
        ("gain", "weight", "cover", "total_gain", "total_cover"),
        "How the importance of columns is measured.",
    ),
    integer("random_state", None, 0, MAX_SEED, "The seed of samples."),
)
BOOSTED = (
    integer("n_estimators", 100, 1, 100_000, "The number of boosting rounds."),
    number("learning_rate", 0.3, SMALL, 1, "The step size: how much each tree adds."),
    choice("booster", "gbtree", ("gbtree", "dart"), "Trees, or trees with dropout."),
    number("subsample", 1, SMALL, 1, "The share of training rows that each tree sees."),
    number("colsample_bynode", 1, SMALL, 1, "The share of columns that each split sees."),
    number("reg_lambda", 1, 0, MAX, "L2 regularization of the weights of leaves."),
    integer("num_parallel_tree", 1, 1, 1_000, "The number of trees that each round grows."),
    integer(
        "early_stopping_rounds",
        None,
        1,
        10_000,
        "Stop when as many rounds have not reduced the loss on a tenth of the training rows.",
    ),
)
FOREST = (
    integer("n_estimators", 100, 1, 10_000, "The number of trees."),
    number("learning_rate", 1, SMALL, 1, "The step size of the one round."),
    number("subsample", 0.8, SMALL, 1, "The share of training rows that each tree sees."),
    number("colsample_bynode", 0.8, SMALL, 1, "The share of columns that each split sees."),
    number("reg_lambda", 1e-5, 0, MAX, "L2 regularization of the weights of leaves."),
)
OF_CLASSIFIERS = (number("scale_pos_weight", 1, SMALL, MAX, "The weight of the second of two classes."),)
OF_REGRESSORS = (
    choice(
        "objective",
        "reg:squarederror",
        (
            "reg:squarederror",
            "reg:squaredlogerror",
            "reg:absoluteerror",
            "reg:pseudohubererror",
            "count:poisson",
            "reg:gamma",
            "reg:tweedie",
        ),
        "The loss that is reduced.",
    ),
)

CLASSES: dict[str, tuple[Parameter, ...]] = {
    "XGBClassifier": (*BOOSTED, *COMMON, *OF_CLASSIFIERS),
    "XGBRegressor": (*BOOSTED, *COMMON, *OF_REGRESSORS),
    "XGBRFClassifier": (*FOREST, *COMMON, *OF_CLASSIFIERS),
    "XGBRFRegressor": (*FOREST, *COMMON, *OF_REGRESSORS),
}
SUMMARIES = {
    "XGBClassifier": "XGBoost: gradient-boosted trees for classes, with native categories and gaps.",
    "XGBRegressor": "XGBoost: gradient-boosted trees for numbers, with native categories and gaps.",
    "XGBRFClassifier": "XGBoost: a random forest for classes, with native categories and gaps.",
    "XGBRFRegressor": "XGBoost: a random forest for numbers, with native categories and gaps.",
}

_ENCODED = "it names columns after they are encoded"
_PLATFORM = "the platform sets it"
REFUSED = {
    "n_jobs": _PLATFORM,
    "nthread": _PLATFORM,
    "device": _PLATFORM,
    "verbosity": _PLATFORM,
    "validate_parameters": _PLATFORM,
    "missing": "gaps are the missing values",
    "enable_categorical": "the preparation of the columns decides",
    "feature_types": "the preparation of the columns decides",
    "monotone_constraints": _ENCODED,
    "interaction_constraints": _ENCODED,
    "feature_weights": _ENCODED,
    "callbacks": "it is code",
    "eval_metric": "early stopping uses the loss that is reduced",
    "objective": "it follows from the number of classes",
    "sampling_method": "its other method needs a GPU",
    "multi_strategy": "it is for several targets",
    "booster": "a random forest has trees without dropout",
    "num_parallel_tree": "n_estimators is the number of trees",
    "early_stopping_rounds": "a random forest has one round",
    "scale_pos_weight": "it is for classes",
    "kwargs": "it is no parameter",
}
FIXED = {"verbosity": 0, "enable_categorical": True}
