"""Train a dense network: what does not depend on whether PyTorch or Keras fits it. Only a fit imports this. No Django.

A module such as `torch_network` has the framework's own part, `fit(plan)`. Keras runs on PyTorch too.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import numpy as np
import torch
from scipy import special

from registry.estimators.frameworks import devices
from registry.estimators.networks.layers import Weights

MIN_ROWS_TO_STOP = 50  # a tenth of fewer says little about the loss
MAX_VERIFIED_ROWS = 1_000
USUAL_PATIENCE = 20


@dataclass(frozen=True)
class Trained:
    """The weights with least loss, and the outputs of the framework in float64 for some rows, to compare with.

    `outputs` are probabilities (rows, classes), or (rows,) in the scale of the target that was given; `losses` are
    those that early stopping compares, of each epoch.
    """

    weights: Weights
    epochs: int
    losses: list[float]
    rows: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True, eq=False)
class Rows:
    """Encoded rows: `codes` of categories (rows, columns), of which the last is unknown, and `numbers` as float32.

    `target` are the codes of classes, or float32; the mean of `weights` is 1.
    """

    codes: np.ndarray
    numbers: np.ndarray
    target: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    def part(self, positions: np.ndarray) -> "Rows":
        return Rows(*(values[positions] for values in vars(self).values()))


@dataclass(frozen=True, eq=False)
class Plan:
    """One fit. `rows` are fitted, and the loss is measured on `held`: None without early stopping.

    `tables` are the (codes, size) of each embedding, and `widths` the inputs, neurons and outputs of the dense layers.
    """

    estimator: object
    rows: Rows
    held: Rows | None
    tables: list[tuple[int, int]]
    widths: list[int]
    loss: str
    batch_size: int
    seed: int
    device: torch.device
    report: Callable[[float], None] | None

    @property
    def plateau_epochs(self) -> int:
        """After how many epochs without a smaller loss its schedule halves the learning rate."""
        return max((self.estimator.patience or USUAL_PATIENCE) // 3, 1)

    def end_epoch(self, epoch: int, *losses: float) -> None:
        """Report an epoch, from 1; raise ValueError for a loss that is no number."""
        if not all(math.isfinite(loss) for loss in losses):
            raise ValueError(
                f"The loss was infinite or not a number after epoch {epoch}. Use a smaller `lr`, or leave out columns "
                "with extreme values."
            )
        if self.report:
            self.report(epoch / self.estimator.max_epochs)


class Network(Protocol):
    """A fitted network of a framework. `losses` are those that early stopping compares, of each epoch."""

    losses: list[float]

    def weights(self) -> Weights: ...

    def set_unknown(self, column: int, embedding: np.ndarray) -> None:
        """Replace the embedding of missing and unseen categories of a column of codes."""

    def outputs(self, codes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The values of the last layer (rows, outputs), computed by the framework in float64."""


def train(
    estimator,
    framework: ModuleType,
    X: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray | None,
    *,
    outputs: int,
    loss: str,
) -> Trained:
    """Train the network of an estimator on rows of codes and numbers. Raises ValueError for a loss that is no number.

    `target` are the codes of classes for the losses "logistic" and "softmax". The same seed gives the same network on
    the same machine, with the same number of threads.
    """
    options, is_classifier = estimator.fit_options, loss in {"logistic", "softmax"}
    fitted, held = _parts(estimator, target.astype(int) if is_classifier else None, len(X))
    codes, counts = _codes(X[:, : estimator.categories])
    with np.errstate(over="ignore"):  # infinite numbers give a loss that is no number
        numbers = X[:, estimator.categories :].astype(np.float32)
    target = target.astype(np.int64 if loss == "softmax" else np.float32)
    data = Rows(codes, numbers, target, _normalized(weights, len(X)))
    sizes = [estimator.embedding_size or _embedding_size(count) for count in counts]
    hidden = [estimator.hidden_units] * estimator.hidden_layers
    seed = estimator.random_state
    plan = Plan(
        estimator,
        data if held is None else data.part(fitted),
        None if held is None else data.part(held),
        tables=[(count + 1, size) for count, size in zip(counts, sizes, strict=True)],
        widths=[sum(sizes) + numbers.shape[1], *hidden, outputs],
        loss=loss,
        batch_size=estimator.batch_size or _batch_size(len(fitted)),
        seed=int(np.random.SeedSequence().entropy % 2**32) if seed is None else seed,
        device=torch.device(devices.of_torch(options.device) if options else devices.CPU),
        report=options.report if options else None,
    )
    with _reproducible(plan.seed, options.threads if options else 1):
        network = framework.fit(plan)
        _replace_unseen(network, plan.rows.codes)
        sample, expected = _reference(network, X, codes, loss)
    return Trained(network.weights(), len(network.losses), network.losses, sample, expected)


def _parts(estimator, codes: np.ndarray | None, count: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The positions of the rows to fit, and of those to measure the loss on: None without early stopping."""
    if estimator.patience and estimator.fit_options and count >= MIN_ROWS_TO_STOP:
        with contextlib.suppress(ValueError):  # too few groups
            return estimator.fit_options.hold_out(codes, count)
    return np.arange(count), None


@contextlib.contextmanager
def _reproducible(seed: int, threads: int) -> Iterator[None]:
    """A block of deterministic algorithms from a seed; what other code of the process uses stays as it is."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA is not deterministic
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])


def _codes(X: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The codes, in which missing and unseen categories have the one after the last, and the number of categories."""
    codes, counts = np.empty(X.shape, dtype=np.int64), []
    for column in range(X.shape[1]):
        is_known = ~np.isnan(X[:, column])
        counts.append(int(X[is_known, column].max(initial=0)) + 1)
        codes[:, column] = np.where(is_known, np.nan_to_num(X[:, column]), counts[-1])
    return codes, counts


def _normalized(weights: np.ndarray | None, count: int) -> np.ndarray:
    """Weights of rows whose mean is 1."""
    if weights is None:
        return np.ones(count, dtype=np.float32)
    weights = np.asarray(weights, dtype=np.float64)
    return (weights / weights.mean()).astype(np.float32)


def _replace_unseen(network: Network, codes: np.ndarray) -> None:
    """Categories that a table had no gap to learn from get the mean embedding of the rows."""
    for column, table in enumerate(network.weights().tables):
        counts = np.bincount(codes[:, column], minlength=len(table))
        if not counts[-1]:
            network.set_unknown(column, (counts @ table / len(codes)).astype(np.float32))


def _reference(
    network: Network, X: np.ndarray, codes: np.ndarray, loss: str
) -> tuple[np.ndarray, np.ndarray]:
    """Some rows, the last without any category, and what the framework makes of them in float64."""
    positions = np.linspace(0, len(X) - 1, min(len(X), MAX_VERIFIED_ROWS)).astype(int)
    sample, count = np.vstack([X[positions], X[:1]]), codes.shape[1]
    sample[-1, :count] = np.nan
    unknown = [len(table) - 1 for table in network.weights().tables]
    rows = np.vstack([codes[positions], np.array(unknown, dtype=codes.dtype)])
    outputs = network.outputs(rows, sample[:, count:])
    if loss == "softmax":
        return sample, special.softmax(outputs, axis=1)
    values = outputs[:, 0]
    return sample, special.expit(np.column_stack([-values, values])) if loss == "logistic" else values


def _embedding_size(categories: int) -> int:
    """A rule of thumb of fastai."""
    return min(50, math.ceil(1.6 * categories**0.56))


def _batch_size(rows: int) -> int:
    """Some 25 steps an epoch: smaller batches take longer, and larger ones generalise less."""
    return min(max(2 ** round(math.log2(rows / 25)), 32), 1_024)
