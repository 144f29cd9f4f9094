"""The training rows of a booster, in batches."""

import os
from dataclasses import dataclass

import numpy as np

from registry.training.out_of_core.encoded_rows import EncodedRows


@dataclass
class Rows:
    """The encoded training rows with what a booster is fitted on: `y` are numbers, or classes from 0.

    For early stopping in `rounds`, `parts` are the numbers of the rows to fit and to measure the loss on.
    """

    encoded: EncodedRows
    y: np.ndarray
    weights: np.ndarray | None
    rounds: int | None = None
    parts: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def threads(self) -> int:
        return len(os.sched_getaffinity(0))
