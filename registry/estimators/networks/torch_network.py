"""Fit a dense network with skorch, the training loop of PyTorch. Only a fit imports this. No Django."""

import copy
import itertools
from collections.abc import Iterator

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import nn
from torch.nn import functional

from registry.estimators.networks import training
from registry.estimators.networks.layers import Weights
from registry.estimators.networks.training import Plan

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "logistic": nn.Sigmoid}
LOSSES = {
    "squared_error": functional.mse_loss,
    "absolute_error": functional.l1_loss,
    "huber": functional.huber_loss,
    "logistic": functional.binary_cross_entropy_with_logits,
}


class Module(nn.Module):
    """Embeddings of the columns of codes, next to the numbers, and dense layers."""

    def __init__(self, tables: list[tuple[int, int]], widths: list[int], *, activation: str, dropout: float):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(*table) for table in tables)
        for one in self.embeddings:
            nn.init.normal_(one.weight, std=0.1)
        self.dense = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.activation, self.dropout = ACTIVATIONS[activation](), nn.Dropout(dropout)

    def forward(self, codes, numbers):
        embedded = [one(codes[:, column]) for column, one in enumerate(self.embeddings)]
        values = torch.cat([*embedded, numbers], dim=1)
        for layer in self.dense[:-1]:
            values = self.dropout(self.activation(layer(values)))
        return self.dense[-1](values)


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


class Tensors(torch.utils.data.Dataset):
    """Rows on the device."""

    def __init__(self, rows: training.Rows, device: torch.device):
        self.values = {name: torch.from_numpy(values).to(device) for name, values in vars(rows).items()}

    def __len__(self):
        return len(self.values["target"])

    def take(self, positions) -> tuple[dict, tuple]:
        part = {name: values[positions] for name, values in self.values.items()}
        expected = part.pop("target"), part.pop("weights")
        return part, expected


class Batches:
    """What a DataLoader of shuffled batches does, a batch at a time instead of a row, which takes 20 times as long."""

    def __init__(self, dataset: Tensors, batch_size: int, shuffle: bool = False):
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle

    def __iter__(self) -> Iterator[tuple[dict, tuple]]:
        count = len(self.dataset)
        order = torch.randperm(count) if self.shuffle else torch.arange(count)
        for positions in order.split(self.batch_size):
            yield self.dataset.take(positions)


class Progress(Callback):
    """Reports each epoch, and ends a fit whose loss is no number."""

    def __init__(self, plan: Plan):
        self.plan = plan

    def on_epoch_end(self, net, **kwargs):
        losses = (net.history[-1].get(name, 0) for name in ("train_loss", "valid_loss"))
        self.plan.end_epoch(len(net.history), *losses)


class Network:
    """See training.Network."""

    def __init__(self, module: Module, losses: list[float]):
        self.module, self.losses = module, losses

    def weights(self) -> Weights:
        def arrays(parameters):
            return [one.detach().cpu().numpy() for one in parameters]

        return Weights(
            tables=arrays(one.weight for one in self.module.embeddings),
            coefficients=[array.T for array in arrays(one.weight for one in self.module.dense)],
            intercepts=arrays(one.bias for one in self.module.dense),
        )

    def set_unknown(self, column: int, embedding: np.ndarray) -> None:
        with torch.no_grad():
            self.module.embeddings[column].weight[-1] = torch.from_numpy(embedding)

    def outputs(self, codes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        precise = copy.deepcopy(self.module).cpu().eval().double()
        with torch.no_grad():
            return precise(torch.from_numpy(codes), torch.from_numpy(numbers)).numpy()


def fit(plan: Plan) -> Network:
    asked, held = plan.estimator, plan.held
    module = Module(plan.tables, plan.widths, activation=asked.activation, dropout=asked.dropout)
    monitor = "train_loss" if held is None else "valid_loss"
    held = None if held is None else Tensors(held, plan.device)
    net = NeuralNet(
        module,
        Loss(plan.loss),
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=asked.weight_decay,
        optimizer__fused=True,
        lr=asked.lr,
        max_epochs=asked.max_epochs,
        batch_size=plan.batch_size,
        iterator_train=Batches,
        iterator_train__shuffle=True,
        iterator_valid=Batches,
        iterator_valid__batch_size=65_536,
        train_split=None if held is None else (lambda dataset, y=None: (dataset, held)),
        callbacks=_callbacks(plan, monitor),
        callbacks__print_log=None,
        verbose=0,
        device=plan.device,
    )
    net.fit(Tensors(plan.rows, plan.device))
    return Network(module, net.history[:, monitor])


def _callbacks(plan: Plan, monitor: str) -> list[tuple[str, Callback]]:
    callbacks, asked = [("progress", Progress(plan))], plan.estimator
    if plan.held is not None:
        stopping = EarlyStopping(monitor, patience=asked.patience, load_best=True, sink=lambda text: None)
        callbacks.append(("early_stopping", stopping))
    if asked.lr_schedule == "plateau":
        policy = torch.optim.lr_scheduler.ReduceLROnPlateau
        schedule = LRScheduler(policy, monitor=monitor, factor=0.5, patience=plan.plateau_epochs)
        callbacks.append(("lr", schedule))
    elif asked.lr_schedule == "cosine":
        policy = torch.optim.lr_scheduler.CosineAnnealingLR
        callbacks.append(("lr", LRScheduler(policy, T_max=asked.max_epochs)))
    return callbacks
