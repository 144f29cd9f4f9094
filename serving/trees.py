"""Trees as arrays: the same leaves, votes and sums as scikit-learn's own predict, without its per-tree calls.

Two ways to the leaves. `Walk.leaves` moves all trees of all rows down one level at a time in numpy, whose
cost is by level: right for a few rows. `leaves_by_tree` asks each tree's own `tree_.apply`, whose cost is by
tree: right for many rows and for a single tree. Sums run over the trees in their order, one after the other,
as scikit-learn's do, so that not one bit differs.
"""

from dataclasses import dataclass

import numpy as np

# Beyond this the arrays of a Walk, which double the trees, cost more memory than the calls that they save.
MOST_NODES = 1_000_000


@dataclass(frozen=True)
class Branches:
    """One fitted tree: where each node looks, where it goes, and what it says. A leaf's `left` is -1."""

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray  # (nodes, outputs)
    depth: int

    @classmethod
    def of_tree(cls, tree) -> "Branches":
        """Of scikit-learn's `tree_`, with one target."""
        return cls(
            tree.feature, tree.threshold, tree.children_left, tree.children_right,
            tree.value[:, 0, :], tree.max_depth,
        )  # fmt: skip

    @classmethod
    def of_histogram(cls, nodes: np.ndarray) -> "Branches":
        """Of the node table of a HistGradientBoosting predictor without categorical splits."""
        is_leaf = nodes["is_leaf"].astype(bool)
        left, right = (np.where(is_leaf, -1, nodes[side].astype(np.intp)) for side in ("left", "right"))
        value = nodes["value"][:, None]
        return cls(
            nodes["feature_idx"], nodes["num_threshold"], left, right, value, int(nodes["depth"].max())
        )


class Walk:
    """All trees of an ensemble in one set of arrays.

    Each node stands twice, at 2n and 2n + 1, so that a place plus the outcome of its comparison is the place of the
    way on. That saves an operation a level, and fancy indexing is faster than `take` on arrays this small.
    """

    def __init__(self, trees: list[Branches]):
        sizes = [len(tree.feature) for tree in trees]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        is_leaf = np.concatenate([tree.left < 0 for tree in trees])
        feature = np.concatenate([np.maximum(tree.feature, 0) for tree in trees]).astype(np.intp)
        threshold = np.concatenate([tree.threshold for tree in trees]).astype(np.float64)
        threshold[is_leaf] = np.inf  # whoever has arrived stays: nothing is above infinity
        nodes = np.arange(len(is_leaf), dtype=np.intp)
        child = np.empty(2 * len(nodes), dtype=np.intp)
        for side, name in enumerate(("left", "right")):
            below = np.concatenate(
                [getattr(tree, name) + root for tree, root in zip(trees, roots, strict=True)]
            )
            child[side::2] = np.where(is_leaf, nodes, below)
        self.roots, self.child = 2 * roots, 2 * child
        self.feature, self.threshold = np.repeat(feature, 2), np.repeat(threshold, 2)
        self.value = np.concatenate([tree.value for tree in trees]).astype(np.float64)
        self.depth = max(tree.depth for tree in trees)

    @property
    def nbytes(self) -> int:
        return self.feature.nbytes + self.threshold.nbytes + self.child.nbytes + self.value.nbytes

    def leaves(self, rows: np.ndarray) -> np.ndarray:
        """The leaf that each row ends in, by row and tree. `rows` has the dtype that the trees compare in."""
        count, width = rows.shape
        cells = np.ravel(rows)
        feature, threshold, child = self.feature, self.threshold, self.child
        place = self.roots if count == 1 else np.repeat(self.roots[None, :], count, axis=0)
        starts = 0 if count == 1 else (np.arange(count, dtype=np.intp) * width)[:, None]
        for _ in range(self.depth):
            at = feature[place] if count == 1 else feature[place] + starts
            place = child[place + (cells[at] > threshold[place])]
        return (place >> 1).reshape(count, -1)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """What each tree says of each row: (rows, trees, outputs)."""
        return self.value[self.leaves(rows)]


def summed(said: np.ndarray, start: np.ndarray | float = 0.0) -> np.ndarray:
    """`start` plus what each tree says, tree after tree: (rows, trees, outputs) -> (rows, outputs).

    Not `sum()`, which adds pairwise where memory allows and so rounds otherwise.
    """
    said[:, 0] += start
    return np.cumsum(said, axis=1)[:, -1]


def summed_by_tree(trees: list, values: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """The sum of the trees' own values: one `apply` and one look-up per tree, for many rows."""
    total = np.zeros((len(rows), values[0].shape[1]))
    for tree, value in zip(trees, values, strict=True):
        total += value.take(tree.apply(rows), axis=0)
    return total
