"""Exact Shapley values of trees: the path-dependent TreeSHAP of Lundberg et al. (2020), for all leaves at once.

A leaf pays its value if the row satisfies every comparison on its path; a feature that is not known is satisfied by the
share of the training rows that went this way. With z the product of these shares for a feature and o whether the row
satisfies its comparisons, the payment is the product over the features of the path of o or z, and its Shapley value is

    value (o_j - z_j) integral from 0 to 1 of the product over i != j of (z_i (1 - s) + o_i s) ds,

because k! (d - 1 - k)! / d! is the integral of s^k (1 - s)^(d - 1 - k). Gauss-Legendre quadrature of (d + 1) / 2 points
is exact for this polynomial. All of its terms are positive: nothing cancels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

LEAF = -1
GROUP_COMPARISONS = 500_000  # on the paths of the trees of one Leaves
CHUNK_CELLS = 200_000  # leaves x features x points: 1.6 MB, which stays in the cache


@dataclass(frozen=True)
class TreeTable:
    """The nodes of one tree: `cell` is the place in a row that a node compares, `feature` whose cell that is."""

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    cell: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    cover: np.ndarray  # training rows of each node, by weight
    value: np.ndarray  # (nodes, outputs)


def count_comparisons(trees: list[TreeTable]) -> int:
    """About as many comparisons as are on the paths to all leaves, from which the memory of Leaves follows."""
    return sum(len(tree.left) * max(int(np.log2(len(tree.left) + 1)), 1) for tree in trees)


def grouped(trees: list[TreeTable], features: int) -> list["Leaves"]:
    """The leaves of a sum of trees, of some trees at a time: reading the paths takes several times their memory."""
    groups, size = [[]], 0
    for tree in trees:
        if groups[-1] and size + count_comparisons([tree]) > GROUP_COMPARISONS:
            groups.append([])
            size = 0
        groups[-1].append(tree)
        size += count_comparisons([tree])
    return [Leaves(group, features) for group in groups]


class Leaves:
    """The leaves of all trees of a sum, with the features on their paths in slots; a free slot changes nothing."""

    def __init__(self, trees: list[TreeTable], features: int):
        starts = np.cumsum([0, *(len(tree.left) for tree in trees)])
        joined = {
            name: np.concatenate([getattr(tree, name) for tree in trees])
            for name in ("feature", "cell", "threshold", "missing_left", "cover", "value")
        }
        self.cell = np.maximum(joined["cell"], 0)  # a leaf compares none, which scikit-learn says by -2
        self.threshold = joined["threshold"]
        self.missing_left, self.features = joined["missing_left"].astype(bool), features
        is_leaf = np.concatenate([tree.left == LEAF for tree in trees])
        parent = np.full(starts[-1], LEAF, dtype=np.intp)
        is_left = np.zeros(starts[-1], dtype=bool)
        for tree, start in zip(trees, starts[:-1], strict=True):
            inner = np.flatnonzero(tree.left != LEAF)
            for children in (tree.left, tree.right):
                parent[start + children[inner]] = start + inner
            is_left[start + tree.left[inner]] = True
        leaves = np.flatnonzero(is_leaf)
        self.value = joined["value"][leaves]
        self._read_paths(leaves, parent, is_left, joined["feature"], joined["cover"])

    def _read_paths(self, leaves, parent, is_left, feature, cover) -> None:
        """Climb from all leaves to their roots, then join the comparisons of a leaf that are on the same feature."""
        steps = []
        rank, node = np.arange(len(leaves)), leaves
        while True:
            above = parent[node]
            rank, node, above = (values[above != LEAF] for values in (rank, node, above))
            if not len(node):
                break
            share = np.divide(cover[node], cover[above], out=np.zeros(len(node)), where=cover[above] > 0)
            steps.append((rank, above, is_left[node], share))
            node = above
        if not steps:  # trees of one leaf each
            self.owner = np.zeros((len(leaves), 1), dtype=np.int32)
            self.share, self.used = np.ones((len(leaves), 1)), np.zeros(len(leaves), dtype=np.intp)
            self.node = self.slot = np.zeros(0, dtype=np.intp)
            self.goes_left = np.zeros(0, dtype=bool)
            return
        rank, self.node, self.goes_left, share = map(np.concatenate, zip(*steps, strict=True))
        key = rank * self.features + feature[self.node]
        order = np.argsort(key, kind="stable")
        rank, self.node, self.goes_left, share, key = (
            values[order] for values in (rank, self.node, self.goes_left, share, key)
        )
        starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
        of_leaf = rank[starts]
        first = np.searchsorted(of_leaf, of_leaf)  # the first feature of the same leaf
        place = np.arange(len(starts)) - first
        width = int(place.max()) + 1
        # Leaves with few features are first, so that a chunk of them needs few slots.
        self.used = np.bincount(of_leaf, minlength=len(leaves))
        shortest = np.argsort(self.used, kind="stable")
        self.used, self.value = self.used[shortest], self.value[shortest]
        of_leaf = np.argsort(shortest)[of_leaf]
        self.owner = np.zeros((len(leaves), width), dtype=np.int32)
        self.share = np.ones((len(leaves), width))
        self.owner[of_leaf, place] = feature[self.node[starts]]
        self.share[of_leaf, place] = np.multiply.reduceat(share, starts)
        slots = of_leaf * width + place
        self.slot = np.repeat(slots.astype(np.int32), np.diff(np.r_[starts, len(key)]))
        self.node = self.node.astype(np.int32)

    @property
    def nbytes(self) -> int:
        arrays = (self.owner, self.share, self.node, self.slot, self.goes_left, self.value)
        return sum(array.nbytes for array in arrays)

    def base(self, output: int) -> float:
        """The mean of an output over the training rows, as the trees have counted them."""
        return float(self.value[:, output] @ self.share.prod(axis=1))

    def contributions(self, cells: np.ndarray, output: int) -> np.ndarray:
        """The Shapley value of each feature (features,) for one row of `cells` and one output of the sum."""
        went_left = cells[self.cell] <= self.threshold
        missing = np.isnan(cells[self.cell])
        went_left[missing] = self.missing_left[missing]
        is_satisfied = np.ones(self.share.size)
        is_satisfied[self.slot[went_left[self.node] != self.goes_left]] = 0
        is_satisfied = is_satisfied.reshape(self.share.shape)
        paying = np.flatnonzero(self.value[:, output])
        found = np.zeros(self.features)
        for rows in _chunks(paying, self.used):
            width = max(int(self.used[rows[-1]]), 1)
            o, z = is_satisfied[rows, :width], self.share[rows, :width]
            paid = self.value[rows, output][:, None] * (o - z) * _of_others(o, z)
            found += np.bincount(
                self.owner[rows, :width].ravel(), weights=paid.ravel(), minlength=self.features
            )
        return found


def _chunks(rows: np.ndarray, used: np.ndarray) -> Iterator[np.ndarray]:
    """The leaves in parts of at most CHUNK_CELLS cells, of which a leaf has as many as the last of its part."""
    start = 0
    while start < len(rows):
        cells = 0
        size = len(rows) - start
        while True:
            width = max(int(used[rows[start + size - 1]]), 1)
            cells = size * width * ((width + 1) // 2)
            if cells <= CHUNK_CELLS or size == 1:
                break
            size = max(size // 2, 1)
        yield rows[start : start + size]
        start += size


def _of_others(o: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The integral for each feature of each leaf: (leaves, slots)."""
    points, weights = _quadrature((o.shape[1] + 1) // 2)
    factors = z[:, :, None] * (1 - points) + o[:, :, None] * points
    products = factors.prod(axis=1, keepdims=True)
    # A factor is 0 only if o = z = 0: the feature then has no effect.
    others = np.divide(products, factors, out=np.zeros_like(factors), where=factors > 0)
    return np.einsum("lsp,p->ls", others, weights)


@cache
def _quadrature(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre points and weights from 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return (points + 1) / 2, weights / 2
