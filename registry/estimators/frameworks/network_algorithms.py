"""What PyTorch and Keras offer: dense networks with embeddings of categories, with their parameters, types and bounds.

The estimators are those of registry/estimators/networks. Neither framework is imported here.
"""

from registry.estimators.parameters import Parameter, choice, integer, number

MAX_SEED = 2**32 - 1

COMMON = (
    integer("hidden_layers", 2, 0, 10, "The number of hidden layers; with 0 it is a linear model."),
    integer("hidden_units", 128, 1, 2_048, "The number of neurons of each hidden layer."),
    choice("activation", "relu", ("relu", "tanh", "logistic"), "The activation of the hidden layers."),
    number("dropout", 0.1, 0, 0.9, "The share of neurons that are dropped at random while it is fitted."),
    integer(
        "embedding_size",
        None,
        1,
        256,
        "The numbers that stand for a category; null chooses them by the number of categories, at most 50.",
    ),
    number("lr", 0.002, 1e-6, 1, "The learning rate: the step size of AdamW."),
    choice(
        "lr_schedule",
        "plateau",
        ("plateau", "cosine", "constant"),
        "Halve the learning rate when the loss stays, lower it to 0 over `max_epochs`, or keep it.",
    ),
    number("weight_decay", 0.01, 0, 10, "How much AdamW shrinks the weights."),
    integer(
        "batch_size", None, 2, 65_536, "The rows of a step; null chooses 32 to 1,024 by the number of rows."
    ),
    integer("max_epochs", 200, 1, 10_000, "The maximum number of passes over the training rows."),
    integer(
        "patience",
        20,
        0,
        10_000,
        "Stop when as many epochs have not reduced the loss on a tenth of the training rows, and keep the best "
        "weights. With 0, fewer than 50 rows or a single group, all rows are fitted for `max_epochs`.",
    ),
    integer("random_state", None, 0, MAX_SEED, "The seed of weights, batches and dropout."),
)
OF_CLASSIFIERS = (choice("class_weight", None, ("balanced",), "Weights of classes by their frequency."),)
OF_REGRESSORS = (
    choice(
        "loss",
        "squared_error",
        ("squared_error", "absolute_error", "huber"),
        "The loss that is reduced, of the standardized target.",
    ),
)

REFUSED = {
    "categories": "the preparation of the columns decides",
    "fit_options": "the platform sets it",
    "class_weight": "it is for classes",
    "kwargs": "it is no parameter",
    "loss": "it follows from the number of classes",
}


def classes(prefix: str) -> dict[str, tuple[Parameter, ...]]:
    """The parameters of each estimator, whose names start with `prefix`."""
    return {
        f"{prefix}MLPClassifier": (*COMMON, *OF_CLASSIFIERS),
        f"{prefix}MLPRegressor": (*COMMON, *OF_REGRESSORS),
    }


def summaries(prefix: str, title: str) -> dict[str, str]:
    return {
        f"{prefix}MLPClassifier": f"{title}: a dense network for classes, with embeddings of categories.",
        f"{prefix}MLPRegressor": f"{title}: a dense network for numbers, with embeddings of categories.",
    }
