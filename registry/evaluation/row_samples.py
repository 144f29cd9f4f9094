"""Some of many rows, by their positions in order: the same whenever they are chosen."""

import numpy as np


def evenly_spaced(count: int, most: int) -> np.ndarray:
    """At most so many positions of `count`, from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def at_random(count: int, size: int) -> np.ndarray:
    """So many positions of `count`, drawn with a fixed seed; all of them if there are no more."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, size), replace=False))
