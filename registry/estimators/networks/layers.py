"""A trained network as estimators of scikit-learn, which predict in numpy without the framework. No Django.

An artifact loads without our code and without the framework: the dense layers become scikit-learn's own multi-layer
perceptron, and embeddings the product of one-hot codes and a table, which has the bits of a look-up in it.
"""

from dataclasses import dataclass

import numpy as np

EMBEDDINGS, NETWORK = "embeddings", "network"  # the steps of a network with categories


@dataclass(frozen=True)
class Weights:
    """Those of a trained network, as float32.

    `tables` (categories + 1, size) of each column of codes end with the embedding of missing and unseen categories;
    `coefficients` (inputs, outputs) and `intercepts` (outputs,) are those of each layer.
    """

    tables: list[np.ndarray]
    coefficients: list[np.ndarray]
    intercepts: list[np.ndarray]


def as_sklearn(
    weights: Weights, *, activation: str, width: int, classes: np.ndarray | None, scale=(0.0, 1.0)
):
    """The fitted estimator of these weights for `width` columns, the codes first.

    `classes` are None for a regression, whose target was standardized by the mean and deviation of `scale`. It
    computes in float64: a row alone and the same row in a batch differ in the last bits, in float32 by about 1e-7.
    """
    tables = [table.astype(np.float64) for table in weights.tables]
    coefficients = [layer.astype(np.float64) for layer in weights.coefficients]
    intercepts = [layer.astype(np.float64) for layer in weights.intercepts]
    if tables:
        # An unknown code has no 1 in its one-hot row, so its embedding moves into the intercept.
        unknown = np.concatenate([table[-1] for table in tables])
        intercepts[0] = intercepts[0] + unknown @ coefficients[0][: len(unknown)]
        tables = [table[:-1] - table[-1] for table in tables]
    if classes is None:
        mean, deviation = scale
        coefficients[-1] = coefficients[-1] * deviation
        intercepts[-1] = intercepts[-1] * deviation + mean
    perceptron = _perceptron(coefficients, intercepts, activation, classes)
    return _with_embeddings(perceptron, tables, width) if tables else perceptron


def unfitted(hidden_sizes: list[int], activation: str, *, is_classifier: bool):
    """The unfitted estimator of scikit-learn of the same layers, which an artifact's wrappers name."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    cls = MLPClassifier if is_classifier else MLPRegressor
    return cls(hidden_layer_sizes=hidden_sizes, activation=activation)


def _perceptron(coefficients, intercepts, activation: str, classes: np.ndarray | None):
    from sklearn.preprocessing import LabelBinarizer

    hidden = [len(layer) for layer in intercepts[:-1]]
    model = unfitted(hidden, activation, is_classifier=classes is not None)
    model.coefs_, model.intercepts_ = coefficients, intercepts
    model.n_features_in_ = len(coefficients[0])
    model.n_layers_, model.n_outputs_ = len(coefficients) + 1, len(intercepts[-1])
    model.out_activation_ = "identity"
    if classes is not None:
        model.out_activation_ = "logistic" if model.n_outputs_ == 1 else "softmax"
        model.classes_, model._label_binarizer = classes, LabelBinarizer().fit(classes)
    return model


def _with_embeddings(perceptron, tables: list[np.ndarray], width: int):
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    columns = []
    for number, table in enumerate(tables):
        codes = np.arange(len(table), dtype=np.float64)
        one_hot = OneHotEncoder(categories=[codes], handle_unknown="ignore", sparse_output=False)
        look_up = FunctionTransformer(np.dot, kw_args={"b": table})
        columns.append((f"column_{number}", make_pipeline(one_hot, look_up), [number]))
    embeddings = ColumnTransformer(columns, remainder="passthrough")
    embeddings.fit(np.zeros((1, width)))
    return Pipeline([(EMBEDDINGS, embeddings), (NETWORK, perceptron)])
