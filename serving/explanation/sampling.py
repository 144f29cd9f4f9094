"""Shapley values by sampling, for estimators whose output is no sum of their columns. No Django.

Permutation sampling (Castro et al. 2009; Strumbelj and Kononenko 2014) with each order also reversed (Mitchell et al.
2022): from a row of the background to the explained row, one input column after the other; the change that a column
brings is a sample of its contribution.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from serving.inputs.reader import TypedRows

PAIRS = 200  # of walks for one row
BATCH_ROWS, BATCH_CELLS = 4096, 1_000_000  # that are predicted at once


@dataclass(frozen=True)
class Sampled:
    """Contributions (columns,) that add up to the output, and their standard errors; `base_value` is the mean output
    for the background rows of the walks."""

    base_value: float
    contributions: np.ndarray
    standard_errors: np.ndarray


def shapley(
    output: Callable[[TypedRows], np.ndarray],
    row: TypedRows,
    background: TypedRows,
    *,
    deadline: float,
    seed: int = 0,
) -> Sampled:
    """Sampled contributions of the columns of one row to `output`, a function of rows.

    PAIRS walks and their reverses, each background row as often as the others; fewer, but at least one batch, if
    `deadline`, an instant of time.monotonic(), comes first.
    """
    width, random = len(row.inputs), np.random.default_rng(seed)
    size = max(BATCH_ROWS // (2 * (width + 1)), 1)
    starts, samples = [], []
    for first in range(0, PAIRS, size):
        orders = [random.permutation(width) for _ in range(min(size, PAIRS - first))]
        of_pairs = np.arange(first, first + len(orders)) % background.count
        bases, changes = _walk(output, row, background, orders, of_pairs)
        starts.append(bases)
        samples.append(changes)
        if time.monotonic() > deadline:
            break
    samples, count = np.concatenate(samples), sum(map(len, starts))
    spread = samples.std(axis=0, ddof=1) if count > 1 else np.full(width, np.nan)
    return Sampled(float(np.concatenate(starts).mean()), samples.mean(axis=0), spread / np.sqrt(count))


def _walk(output, row, background, orders: list[np.ndarray], starts: np.ndarray):
    """For each order and its reverse, from the background row of the pair: the output at the start (pairs,), and the
    mean of the two changes that each column brought (pairs, columns)."""
    width = len(row.inputs)
    steps = np.tri(width + 1, width, -1, dtype=bool)  # a column is the explained row's after its step
    both = [order for pair in orders for order in (pair, pair[::-1])]
    is_explained = np.zeros((len(both), width + 1, width), dtype=bool)
    for place, order in enumerate(both):
        is_explained[place][:, order] = steps
    is_explained, starts = is_explained.reshape(-1, width), starts.repeat(2 * (width + 1))
    size = max(BATCH_CELLS // width, 1)  # a walk over 5,000 columns has as many rows
    parts = [slice(at, at + size) for at in range(0, len(starts), size)]
    values = np.concatenate([output(_mixed(row, background, is_explained[at], starts[at])) for at in parts])
    values = values.reshape(len(both), width + 1)
    changes = np.empty((len(both), width))
    for place, order in enumerate(both):
        changes[place, order] = np.diff(values[place])
    return values[::2, 0], changes.reshape(len(orders), 2, width).mean(axis=1)


def _mixed(row: TypedRows, background: TypedRows, is_explained: np.ndarray, rows: np.ndarray) -> TypedRows:
    """Rows with each cell of the explained row, or of a row of the background: (count, columns), (count,)."""
    places = {
        group: [place for place, column in enumerate(row.inputs) if column["type"] in types]
        for group, types in TypedRows.GROUPS.items()
    }
    return TypedRows(
        row.inputs,
        len(rows),
        np.where(is_explained[:, places["numbers"]], row.numbers[0], background.numbers[rows]),
        np.where(is_explained[:, places["dates"]], row.dates[0], background.dates[rows]),
        [
            [mine[0] if explained else others[number] for explained, number in zip(mask, rows, strict=True)]
            for mine, others, mask in zip(
                row.text, background.text, is_explained[:, places["text"]].T, strict=True
            )
        ],
    )
