"""Predict on an encoded array with a dense network: scikit-learn's arithmetic, without its checks.

Embeddings are looked up, where the pipeline multiplies one-hot codes with their table, which has the same bits.
"""

import numpy as np

from registry.estimators.networks.layers import EMBEDDINGS, NETWORK
from serving.engine.trees import check_range

PERCEPTRONS = {"MLPClassifier", "MLPRegressor"}


class NetworkPredictor:
    """A multi-layer perceptron of scikit-learn, alone or after embeddings of the first columns."""

    kind = "estimator"
    nbytes = 0

    def __init__(self, estimator):
        from sklearn.neural_network._base import ACTIVATIONS

        steps = getattr(estimator, "named_steps", {})
        network = steps[NETWORK] if steps else estimator
        self.tables = _tables(steps[EMBEDDINGS]) if steps else []
        self.nbytes = sum(table.nbytes for table in self.tables)
        self.layers = list(zip(network.coefs_, network.intercepts_, strict=True))
        self.hidden, self.output = ACTIVATIONS[network.activation], ACTIVATIONS[network.out_activation_]
        self.classes = getattr(network, "classes_", None)

    def predict(self, encoded: np.ndarray, *, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Encoded rows (rows, columns) -> predictions (rows,) and, if requested, probabilities (rows, classes)."""
        check_range(encoded)
        values = self._outputs(self._embedded(encoded) if self.tables else encoded)
        if self.classes is None:
            return np.ravel(values), None
        if values.shape[1] > 1:
            return self.classes.take(values.argmax(axis=1)), values if probabilities else None
        values = values.ravel()
        predictions = self.classes.take((values > 0.5).astype(int))
        return predictions, np.vstack([1 - values, values]).T if probabilities else None

    def _embedded(self, encoded: np.ndarray) -> np.ndarray:
        count = len(self.tables)
        codes = np.nan_to_num(encoded[:, :count], nan=-1).astype(np.intp)
        looked_up = [
            table.take(np.minimum(codes[:, column], len(table) - 1), axis=0)
            for column, table in enumerate(self.tables)
        ]
        return np.concatenate([*looked_up, encoded[:, count:]], axis=1)

    def _outputs(self, values: np.ndarray) -> np.ndarray:
        """The activations of the last layer (rows, outputs)."""
        *hidden, (coefficients, intercepts) = self.layers
        for layer, bias in hidden:
            values = values @ layer
            values += bias
            self.hidden(values)
        values = values @ coefficients
        values += intercepts
        self.output(values)
        return values


def is_network(estimator) -> bool:
    """Whether it is one, by the names of classes: a subclass may compute something else."""
    steps = getattr(estimator, "steps", None)
    if type(estimator).__name__ == "Pipeline":
        return [name for name, _ in steps] == [EMBEDDINGS, NETWORK]
    return type(estimator).__name__ in PERCEPTRONS and not _has_several_outputs(estimator)


def _has_several_outputs(estimator) -> bool:
    return not hasattr(estimator, "classes_") and estimator.n_outputs_ != 1


def _tables(embeddings) -> list[np.ndarray]:
    """The table of each column of codes, whose last row is that of a missing or unseen category.

    That is the number -1, or one that the rows of a fold of a calibration did not have.
    """
    tables = [
        step.steps[1][1].kw_args["b"] for name, step, _ in embeddings.transformers_ if name != "remainder"
    ]
    return [np.vstack([table, np.zeros(table.shape[1])]) for table in tables]
