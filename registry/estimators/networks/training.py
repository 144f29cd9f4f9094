"""Train a dense network with skorch. This imports PyTorch, so only a fit imports this. No Django."""

import contextlib
import copy
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import nn
from torch.nn import functional

from registry.estimators.frameworks import devices
from registry.estimators.networks.layers import Weights

MIN_ROWS_TO_STOP = 50  # a tenth of fewer says little about the loss
MAX_VERIFIED_ROWS = 1_000
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "logistic": nn.Sigmoid}
LOSSES = {
    "squared_error": functional.mse_loss,
    "absolute_error": functional.l1_loss,
    "huber": functional.huber_loss,
    "logistic": functional.binary_cross_entropy_with_logits,
}


@dataclass(frozen=True)
class Trained:
    """The weights with least loss, and the outputs of PyTorch in float64 for some rows, to compare with.

    `outputs` are probabilities (rows, classes), or (rows,) in the scale of the target that was given; `losses` are
    those that early stopping compares, of each epoch.
    """

    weights: Weights
    epochs: int
    losses: list[float]
    rows: np.ndarray
    outputs: np.ndarray


class Network(nn.Module):
    """Embeddings of the columns of codes, next to the numbers, and dense layers."""

    def __init__(self, estimator, categories: list[int], numbers: int, outputs: int):
        super().__init__()
        sizes = [estimator.embedding_size or _embedding_size(count) for count in categories]
        self.embeddings = nn.ModuleList(
            nn.Embedding(count + 1, size) for count, size in zip(categories, sizes, strict=True)
        )
        for one in self.embeddings:
            nn.init.normal_(one.weight, std=0.1)
        widths = [sum(sizes) + numbers, *[estimator.hidden_units] * estimator.hidden_layers, outputs]
        self.dense = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.activation, self.dropout = ACTIVATIONS[estimator.activation](), nn.Dropout(estimator.dropout)

    def forward(self, codes, numbers):
        embedded = [one(codes[:, column]) for column, one in enumerate(self.embeddings)]
        values = torch.cat([*embedded, numbers], dim=1)
        for layer in self.dense[:-1]:
            values = self.dropout(self.activation(layer(values)))
        return self.dense[-1](values)

    def weights(self) -> Weights:
        def arrays(parameters):
            return [one.detach().cpu().numpy() for one in parameters]

        return Weights(
            tables=arrays(one.weight for one in self.embeddings),
            coefficients=[array.T for array in arrays(one.weight for one in self.dense)],
            intercepts=arrays(one.bias for one in self.dense),
        )


class Loss(nn.Module):
    """The mean loss of weighted rows."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def forward(self, outputs, expected):
        target, weights = expected
        if self.kind == "softmax":
            losses = functional.cross_entropy(outputs, target, reduction="none")
        else:
            losses = LOSSES[self.kind](outputs[:, 0], target, reduction="none")
        return (losses * weights).mean()


class Rows(torch.utils.data.Dataset):
    """Rows as tensors on the device: the codes of categories, in which the last one is unknown, and the numbers."""

    def __init__(self, inputs: dict, target: torch.Tensor, weights: torch.Tensor):
        self.inputs, self.expected = inputs, (target, weights)

    def __len__(self):
        return len(self.expected[0])

    def take(self, positions) -> tuple[dict, tuple]:
        inputs = {name: values[positions] for name, values in self.inputs.items()}
        return inputs, tuple(values[positions] for values in self.expected)

    def part(self, positions: np.ndarray) -> "Rows":
        inputs, expected = self.take(torch.from_numpy(positions))
        return Rows(inputs, *expected)


class Batches:
    """What a DataLoader of shuffled batches does, a batch at a time instead of a row, which takes 20 times as long."""

    def __init__(self, dataset: Rows, batch_size: int, shuffle: bool = False):
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle

    def __iter__(self) -> Iterator[tuple[dict, tuple]]:
        count = len(self.dataset)
        order = torch.randperm(count) if self.shuffle else torch.arange(count)
        for positions in order.split(self.batch_size):
            yield self.dataset.take(positions)


class Progress(Callback):
    """Reports each epoch, and ends a fit whose loss is no number."""

    def __init__(self, report):
        self.report = report

    def on_epoch_end(self, net, **kwargs):
        epoch = len(net.history)
        if not all(math.isfinite(net.history[-1].get(name, 0)) for name in ("train_loss", "valid_loss")):
            raise ValueError(
                f"The loss was infinite or not a number after epoch {epoch}. Use a smaller `lr`, or leave out columns "
                "with extreme values."
            )
        if self.report:
            self.report(epoch / net.max_epochs)


def train(
    estimator, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None, *, outputs: int, loss: str
) -> Trained:
    """Train the network of an estimator on rows of codes and numbers. Raises ValueError for a loss that is no number.

    `target` are the codes of classes for the losses "logistic" and "softmax". The same seed gives the same network on
    the same machine, with the same number of threads.
    """
    options, is_classifier = estimator.fit_options, loss in {"logistic", "softmax"}
    rows, held = _parts(estimator, target.astype(int) if is_classifier else None, len(X))
    with _reproducible(estimator.random_state, options.threads if options else 1):
        device = torch.device(devices.of_torch(options.device) if options else "cpu")
        codes, counts = _codes(X[:, : estimator.categories])
        inputs = {"codes": codes, "numbers": torch.from_numpy(X[:, estimator.categories :]).float()}
        data = Rows(
            {name: values.to(device) for name, values in inputs.items()},
            torch.as_tensor(target, dtype=torch.int64 if loss == "softmax" else torch.float32).to(device),
            torch.from_numpy(_normalized(weights, len(X))).to(device),
        )
        fitted = data if held is None else data.part(rows)
        module = Network(estimator, counts, inputs["numbers"].shape[1], outputs)
        net = _net(
            estimator, module, Loss(loss), len(fitted), None if held is None else data.part(held), device
        )
        net.fit(fitted)
        _replace_unseen(module, fitted.inputs["codes"])
        sample, expected = _reference(module, X, inputs, loss)
    monitored = "train_loss" if held is None else "valid_loss"
    return Trained(module.weights(), len(net.history), net.history[:, monitored], sample, expected)


def _parts(estimator, codes: np.ndarray | None, count: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The positions of the rows to fit, and of those to measure the loss on: None without early stopping."""
    if estimator.patience and estimator.fit_options and count >= MIN_ROWS_TO_STOP:
        with contextlib.suppress(ValueError):  # too few groups
            return estimator.fit_options.hold_out(codes, count)
    return np.arange(count), None


def _net(estimator, module: Network, loss: Loss, count: int, held: Rows | None, device) -> NeuralNet:
    monitor = "train_loss" if held is None else "valid_loss"
    report = estimator.fit_options.report if estimator.fit_options else None
    callbacks = [("progress", Progress(report))]
    if held is not None:
        stopping = EarlyStopping(monitor, patience=estimator.patience, load_best=True, sink=lambda text: None)
        callbacks.append(("early_stopping", stopping))
    if estimator.lr_schedule == "plateau":
        wait = max((estimator.patience or 20) // 3, 1)
        policy = {"policy": torch.optim.lr_scheduler.ReduceLROnPlateau, "factor": 0.5, "patience": wait}
        callbacks.append(("lr", LRScheduler(monitor=monitor, **policy)))
    elif estimator.lr_schedule == "cosine":
        policy = torch.optim.lr_scheduler.CosineAnnealingLR
        callbacks.append(("lr", LRScheduler(policy=policy, T_max=estimator.max_epochs)))
    return NeuralNet(
        module,
        loss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=estimator.weight_decay,
        optimizer__fused=True,
        lr=estimator.lr,
        max_epochs=estimator.max_epochs,
        batch_size=estimator.batch_size or _batch_size(count),
        iterator_train=Batches,
        iterator_train__shuffle=True,
        iterator_valid=Batches,
        iterator_valid__batch_size=65_536,
        train_split=None if held is None else (lambda dataset, y=None: (dataset, held)),
        callbacks=callbacks,
        callbacks__print_log=None,
        verbose=0,
        device=device,
    )


@contextlib.contextmanager
def _reproducible(seed: int | None, threads: int) -> Iterator[None]:
    """A block of deterministic algorithms from a seed; what other code of the process uses stays as it is."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA is not deterministic
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(np.random.SeedSequence().entropy % 2**32 if seed is None else seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])


def _codes(X: np.ndarray) -> tuple[torch.Tensor, list[int]]:
    """The codes, in which missing and unseen categories have the one after the last, and the number of categories."""
    codes, counts = np.empty(X.shape, dtype=np.int64), []
    for column in range(X.shape[1]):
        is_known = ~np.isnan(X[:, column])
        counts.append(int(X[is_known, column].max(initial=0)) + 1)
        codes[:, column] = np.where(is_known, np.nan_to_num(X[:, column]), counts[-1])
    return torch.from_numpy(codes), counts


def _normalized(weights: np.ndarray | None, count: int) -> np.ndarray:
    """Weights of rows whose mean is 1."""
    if weights is None:
        return np.ones(count, dtype=np.float32)
    weights = np.asarray(weights, dtype=np.float64)
    return (weights / weights.mean()).astype(np.float32)


def _replace_unseen(module: Network, codes: torch.Tensor) -> None:
    """Categories that a table had no gap to learn from get the mean embedding of the rows."""
    with torch.no_grad():
        for column, one in enumerate(module.embeddings):
            last = one.num_embeddings - 1
            if not (codes[:, column] == last).any():
                one.weight[last] = one(codes[:, column]).mean(dim=0)


def _reference(module: Network, X: np.ndarray, inputs: dict, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Some rows, the last without any category, and what PyTorch makes of them in float64."""
    positions = np.linspace(0, len(X) - 1, min(len(X), MAX_VERIFIED_ROWS)).astype(int)
    sample = np.vstack([X[positions], X[:1]])
    count = inputs["codes"].shape[1]
    sample[-1, :count] = np.nan
    codes = torch.cat([inputs["codes"][positions], inputs["codes"][:1]])
    for column, one in enumerate(module.embeddings):
        codes[-1, column] = one.num_embeddings - 1
    precise = copy.deepcopy(module).cpu().eval().double()
    with torch.no_grad():
        outputs = precise(codes, torch.from_numpy(sample[:, count:]))
    if loss == "softmax":
        return sample, outputs.softmax(dim=1).numpy()
    values = outputs[:, 0]
    if loss == "logistic":
        return sample, torch.stack([torch.sigmoid(-values), torch.sigmoid(values)], dim=1).numpy()
    return sample, values.numpy()


def _embedding_size(categories: int) -> int:
    """A rule of thumb of fastai."""
    return min(50, math.ceil(1.6 * categories**0.56))


def _batch_size(rows: int) -> int:
    """Some 25 steps an epoch: smaller batches take longer, and larger ones generalise less."""
    return min(max(2 ** round(math.log2(rows / 25)), 32), 1_024)
