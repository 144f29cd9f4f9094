"""Fit a dense network with Keras on PyTorch. Only a fit imports this. No Django."""

import contextlib
import math
import os
import random
import tempfile
from collections.abc import Iterator

import numpy as np

from registry.estimators.networks.layers import Weights
from registry.estimators.networks.training import Plan, Rows


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Keras reads its settings when it is imported, and would write a file of them to the home directory.

    Those that the environment has for other programs, such as another backend, stay as they are.
    """
    others = {name: value for name, value in os.environ.items() if name.startswith("KERAS_")}
    with tempfile.TemporaryDirectory() as home:
        for name in others:
            del os.environ[name]
        os.environ |= {"KERAS_BACKEND": "torch", "KERAS_HOME": home}
        try:
            yield
        finally:
            del os.environ["KERAS_BACKEND"], os.environ["KERAS_HOME"]
            os.environ |= others


with _settings():
    import keras

FLOAT32, FLOAT64 = "float32", "float64"
ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid"}
LOSSES = {
    "squared_error": keras.losses.MeanSquaredError,
    "absolute_error": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
    "logistic": keras.losses.BinaryCrossentropy,
    "softmax": keras.losses.SparseCategoricalCrossentropy,
}


class Progress(keras.callbacks.Callback):
    """Reports each epoch, and ends a fit whose loss is no number."""

    def __init__(self, plan: Plan):
        super().__init__()
        self.plan = plan

    def on_epoch_end(self, epoch, logs=None):
        self.plan.end_epoch(epoch + 1, *(logs[name] for name in ("loss", "val_loss") if name in logs))


class Network:
    """See training.Network."""

    def __init__(self, plan: Plan, model: keras.Model, losses: list[float]):
        self.plan, self.model, self.losses = plan, model, losses

    def weights(self) -> Weights:
        dense = [one.get_weights() for one in _layers(self.model, keras.layers.Dense)]
        return Weights(
            tables=[one.get_weights()[0] for one in _layers(self.model, keras.layers.Embedding)],
            coefficients=[coefficients for coefficients, _ in dense],
            intercepts=[intercepts for _, intercepts in dense],
        )

    def set_unknown(self, column: int, embedding: np.ndarray) -> None:
        layer = _layers(self.model, keras.layers.Embedding)[column]
        [table] = layer.get_weights()
        table[-1] = embedding
        layer.set_weights([table])

    def outputs(self, codes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        with _seeded(self.plan.seed), keras.device("cpu"):
            precise = _model(self.plan, dtype=FLOAT64)
            precise.set_weights(self.model.get_weights())
            return keras.ops.convert_to_numpy(precise(_inputs(codes, numbers), training=False))


def fit(plan: Plan) -> Network:
    asked, held = plan.estimator, plan.held
    with _seeded(plan.seed), keras.device("gpu" if plan.device.type == "cuda" else "cpu"):
        model = _model(plan, dtype=FLOAT32)
        options = {"from_logits": True} if plan.loss in {"logistic", "softmax"} else {}
        model.compile(
            keras.optimizers.AdamW(asked.lr, weight_decay=asked.weight_decay),
            LOSSES[plan.loss](**options, dtype=FLOAT32),
            jit_compile=False,
        )
        inputs, target, weights = _data(plan.rows)
        history = model.fit(
            inputs,
            target,
            sample_weight=weights,
            validation_data=None if held is None else _data(held),
            validation_batch_size=65_536,
            batch_size=plan.batch_size,
            epochs=asked.max_epochs,
            callbacks=_callbacks(plan, "loss" if held is None else "val_loss"),
            verbose=0,
        )
    return Network(plan, model, history.history["loss" if held is None else "val_loss"])


def _model(plan: Plan, *, dtype: str) -> keras.Model:
    """Embeddings of the columns of codes, next to the numbers, and dense layers."""
    asked, inputs, values = plan.estimator, {}, []
    if plan.tables:
        codes = inputs["codes"] = keras.Input((len(plan.tables),), dtype="int64", name="codes")
    for column, table in enumerate(plan.tables):
        initial = keras.initializers.RandomNormal(stddev=0.1)
        values.append(keras.layers.Embedding(*table, initial, dtype=dtype)(codes[:, column]))
    if plan.rows.numbers.shape[1]:
        inputs["numbers"] = keras.Input((plan.rows.numbers.shape[1],), dtype=dtype, name="numbers")
        values.append(inputs["numbers"])
    values = keras.layers.Concatenate(dtype=dtype)(values) if len(values) > 1 else values[0]
    for units in plan.widths[1:-1]:
        values = keras.layers.Dense(units, ACTIVATIONS[asked.activation], dtype=dtype)(values)
        values = keras.layers.Dropout(asked.dropout, dtype=dtype)(values)
    return keras.Model(inputs, keras.layers.Dense(plan.widths[-1], dtype=dtype)(values))


def _layers(model: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, kind)]


def _inputs(codes: np.ndarray, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Those that have columns."""
    return {name: rows for name, rows in (("codes", codes), ("numbers", numbers)) if rows.shape[1]}


def _data(rows: Rows) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    return _inputs(rows.codes, rows.numbers), rows.target[:, None], rows.weights


def _callbacks(plan: Plan, monitor: str) -> list[keras.callbacks.Callback]:
    callbacks, asked = [Progress(plan)], plan.estimator
    if plan.held is not None:
        stopping = keras.callbacks.EarlyStopping(
            monitor, mode="min", patience=asked.patience, restore_best_weights=True
        )
        callbacks.append(stopping)
    if asked.lr_schedule == "plateau":
        schedule = keras.callbacks.ReduceLROnPlateau(
            monitor, mode="min", factor=0.5, patience=plan.plateau_epochs
        )
        callbacks.append(schedule)
    elif asked.lr_schedule == "cosine":

        def cosine(epoch: int) -> float:
            return asked.lr * (1 + math.cos(math.pi * epoch / asked.max_epochs)) / 2

        callbacks.append(keras.callbacks.LearningRateScheduler(cosine))
    return callbacks


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """A block that builds or fits a model from a seed; the other random numbers of the process stay as they are."""
    before = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
