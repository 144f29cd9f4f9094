"""What LightGBM offers: its estimators with their parameters, types and bounds. It is not imported here.

Names, defaults and meaning are those of https://lightgbm.readthedocs.io/en/stable/Parameters.html; a test compares
them with the signature of the installed version.
"""

from registry.estimators.parameters import Parameter, Rule, boolean, choice, integer, number

MAX_SEED = 2**31 - 1  # LightGBM's seeds are 32-bit and signed
MAX = 1e12
SMALL = 1e-6  # instead of an open bound at 0

COMMON = (
    integer("n_estimators", 100, 1, 100_000, "The number of boosting rounds."),
    number("learning_rate", 0.1, SMALL, 100, "The step size: how much each tree adds."),
    integer("num_leaves", 31, 2, 131_072, "The maximum number of leaves of a tree."),
    integer("max_depth", -1, -1, 1_000, "The maximum depth of a tree; -1 means no limit."),
    integer("min_child_samples", 20, 0, 10_000_000, "The minimum number of rows in a leaf."),
    number("min_child_weight", 0.001, 0, MAX, "The minimum sum of instance weight in a leaf."),
    number("min_split_gain", 0, 0, MAX, "The loss reduction that a further split needs."),
    choice(
        "boosting_type",
        "gbdt",
        ("gbdt", "dart", "rf"),
        "Boosted trees, boosted trees with dropout, or a random forest.",
    ),
    number(
        "subsample", 1, SMALL, 1, "The share of training rows that a tree sees, if subsample_freq is above 0."
    ),
    integer("subsample_freq", 0, 0, 100_000, "After how many rounds another sample is drawn; 0 means never."),
    number("colsample_bytree", 1, SMALL, 1, "The share of columns that each tree sees."),
    number("reg_alpha", 0, 0, MAX, "L1 regularization of the weights of leaves."),
    number("reg_lambda", 0, 0, MAX, "L2 regularization of the weights of leaves."),
    integer("max_bin", 255, 2, 65_535, "The maximum number of bins of a column."),
    integer("subsample_for_bin", 200_000, 1, 10_000_000, "The number of rows from which bins are made."),
    boolean("extra_trees", False, "Whether a split compares one random threshold of each column."),
    number("path_smooth", 0, 0, MAX, "How much the leaves are smoothed towards their parents."),
    number("cat_smooth", 10, 0, MAX, "How much the statistics of rare categories are smoothed."),
    number("cat_l2", 10, 0, MAX, "L2 regularization of splits by category."),
    integer("max_cat_threshold", 32, 1, 10_000, "The maximum number of categories that a split considers."),
    integer("min_data_per_group", 100, 1, 10_000_000, "The minimum number of rows of a group of categories."),
    choice("importance_type", "split", ("split", "gain"), "How the importance of columns is measured."),
    integer(
        "early_stopping_rounds",
        None,
        1,
        10_000,
        "Stop when as many rounds have not reduced the loss on a tenth of the training rows.",
    ),
    integer("random_state", None, 0, MAX_SEED, "The seed of samples."),
)
OF_CLASSIFIERS = (
    Parameter.of_rules(
        "class_weight",
        (
            Rule("choice", choices=("balanced",)),
            Rule("json", types=(dict,), max_items=1_000, low=0, high=MAX),
            Rule("none"),
        ),
        default=None,
        help_text="The weight of each class, or balanced for weights by their frequency.",
    ),
)
OF_REGRESSORS = (
    choice(
        "objective",
        "regression",
        (
            "regression",
            "regression_l1",
            "huber",
            "fair",
            "poisson",
            "quantile",
            "mape",
            "gamma",
            "tweedie",
        ),
        "The loss that is reduced.",
    ),
    number("alpha", 0.9, SMALL, 1 - SMALL, "The quantile of the quantile loss, or the width of huber."),
)

CLASSES: dict[str, tuple[Parameter, ...]] = {
    "LGBMClassifier": (*COMMON, *OF_CLASSIFIERS),
    "LGBMRegressor": (*COMMON, *OF_REGRESSORS),
}
SUMMARIES = {
    "LGBMClassifier": "LightGBM: gradient-boosted trees for classes, with native categories and gaps.",
    "LGBMRegressor": "LightGBM: gradient-boosted trees for numbers, with native categories and gaps.",
}

REFUSED = {
    "n_jobs": "the platform sets it",
    "verbosity": "the platform sets it",
    "deterministic": "the platform sets it",
    "force_row_wise": "the platform sets it",
    "objective": "it follows from the number of classes",
    "class_weight": "it is for classes",
    "categorical_feature": "the preparation of the columns decides",
    "kwargs": "it is no parameter",
}
# The same model whatever the number of threads. The pool is in MB: without it, LightGBM takes the histograms of all
# columns for each leaf that a tree may have, before the fit.
FIXED = {"verbosity": -1, "deterministic": True, "force_row_wise": True, "histogram_pool_size": 1024}
