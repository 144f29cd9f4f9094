"""Trees as scikit-learn keeps them, asked for their leaves without its per-tree calls: the same leaves, votes and sums.

Two ways to the leaves. A `Grove` is all trees in one, so that one compiled call finds the leaves of all of them: right
for a few rows. `summed_by_tree` asks each tree's own `tree_.apply`, which copies no row for each tree: right for many.
Sums run over the trees in their order, one after the other, as scikit-learn's do, so that not one bit differs.
"""

import numpy as np

# Beyond this a Grove, which doubles the trees, costs more memory than the calls that it saves.
MOST_NODES = 1_000_000
# And beyond this a call of it: 16 MB, which a request of 32 rows of 200 columns has with 600 trees. It was 8 times as
# slow with 1,000 of them as one `apply` for each tree.
MOST_CELLS = 4_000_000
LEAF = -1
NODE_BYTES = 64 + 8  # in a Tree: the node and the value that it must have


class Grove:
    """All trees of an ensemble as one of scikit-learn's own, for one call of its `apply` over rows times trees.

    Each row stands once for each tree, with the tree's number as one more column; the first nodes look at that and lead
    to the tree's root.
    """

    def __init__(self, trees: list[np.ndarray], values: list[np.ndarray], width: int):
        """Of node tables as nodes_of() gives them, what each node says (nodes, outputs), and the width of a row."""
        from sklearn.tree._tree import Tree

        gates = len(trees) - 1
        starts = gates + np.cumsum([0, *map(len, trees)])
        nodes = np.zeros(starts[-1], dtype=trees[0].dtype)
        _gate(nodes, iter(range(gates)), starts[:-1], column=width, first=0)
        for tree, start in zip(trees, starts[:-1], strict=True):
            moved = nodes[start : start + len(tree)]
            moved[:] = tree
            for side in ("left_child", "right_child"):
                moved[side] += np.where(tree["left_child"] == LEAF, 0, start)
        self.tree = Tree(width + 1, np.ones(1, dtype=np.intp), 1)
        nothing = np.zeros((len(nodes), 1, 1))
        self.tree.__setstate__({"max_depth": 0, "node_count": len(nodes), "nodes": nodes, "values": nothing})
        self.value = np.concatenate([np.zeros((gates, values[0].shape[1])), *values])
        self.numbers = np.arange(len(trees), dtype=np.float32)[:, None]
        self.most_rows = MOST_CELLS // (len(trees) * (width + 1))

    @property
    def nbytes(self) -> int:
        return self.tree.node_count * NODE_BYTES + self.value.nbytes

    def values(self, rows: np.ndarray) -> np.ndarray:
        """What each tree says of each row: float32 (rows, columns) -> (trees, rows, outputs).

        Tree by tree: its nodes are then at hand, and its gates always open to the same side.
        """
        count, width = rows.shape
        cells = np.empty((len(self.numbers), count, width + 1), dtype=np.float32)
        cells[:, :, :width] = rows
        cells[:, :, width] = self.numbers
        leaves = self.tree.apply(cells.reshape(-1, width + 1))
        return self.value.take(leaves, axis=0).reshape(len(self.numbers), count, -1)


def _gate(nodes: np.ndarray, free, roots: np.ndarray, *, column: int, first: int) -> int:
    """The place of the node that leads to these roots, those of the trees from `first` on, by halves."""
    if len(roots) == 1:
        return roots[0]
    place, half = next(free), len(roots) // 2
    left = _gate(nodes, free, roots[:half], column=column, first=first)
    right = _gate(nodes, free, roots[half:], column=column, first=first + half)
    nodes[place]["left_child"], nodes[place]["right_child"] = left, right
    nodes[place]["feature"], nodes[place]["threshold"] = column, first + half - 0.5
    return place


def nodes_of(tree) -> np.ndarray:
    """The node table of scikit-learn's `tree_`."""
    return tree.__getstate__()["nodes"]


class Ranks:
    """The thresholds of HistGradientBoosting as whole numbers, which its float64 comparisons become exact in float32.

    A cell becomes the number of its column's thresholds that are below it, and a threshold its own place among them.
    """

    def __init__(self, trees: list[np.ndarray], width: int):
        """Of the node tables of predictors without categorical splits."""
        self.trees, self.thresholds = trees, []
        for column in range(width):
            found = [tree["num_threshold"][self._splits(tree, column)] for tree in trees]
            self.thresholds.append(np.unique(np.concatenate(found)))

    @staticmethod
    def _splits(tree: np.ndarray, column: int) -> np.ndarray:
        return (tree["is_leaf"] == 0) & (tree["feature_idx"] == column)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """float64 rows -> float32 ranks, which the tables of `nodes()` compare."""
        ranks = np.empty(rows.shape, dtype=np.float32)
        for column, thresholds in enumerate(self.thresholds):
            ranks[:, column] = thresholds.searchsorted(rows[:, column])
        return ranks

    def nodes(self) -> list[np.ndarray]:
        """The predictors' tables as node tables of scikit-learn's `tree_`."""
        from sklearn.tree._tree import NODE_DTYPE

        tables = []
        for tree in self.trees:
            nodes = np.zeros(len(tree), dtype=NODE_DTYPE)
            for side in ("left", "right"):
                nodes[f"{side}_child"] = np.where(tree["is_leaf"], LEAF, tree[side].astype(np.intp))
            nodes["feature"] = tree["feature_idx"]
            for column, thresholds in enumerate(self.thresholds):
                splits = self._splits(tree, column)
                nodes["threshold"][splits] = thresholds.searchsorted(tree["num_threshold"][splits])
            tables.append(nodes)
        return tables


def summed(said: np.ndarray, start: np.ndarray | float = 0.0) -> np.ndarray:
    """`start` plus what each tree says, tree after tree: (trees, rows, outputs) -> (rows, outputs).

    Not `sum()`, which adds pairwise where memory allows and so rounds otherwise.
    """
    said[0] += start
    return np.ascontiguousarray(np.add.accumulate(said, axis=0)[-1])


class Neighbours:
    """An order in which rows that take much the same way through trees follow each other: the processor learns the way.

    Rows stand together by the side on which they are of the columns that most trees split first, at the middle of
    those splits. It saves a sixth of the time for 300 rows, and a third for 3,000.
    """

    MOST_COLUMNS = 24

    def __init__(self, trees: list):
        """Of scikit-learn's `tree_`s."""
        roots = [(tree.feature[0], tree.threshold[0]) for tree in trees if tree.feature[0] >= 0]
        columns, splits = np.array(roots, dtype=np.float64).reshape(-1, 2).T
        found, counts = np.unique(columns.astype(int), return_counts=True)
        self.columns = found[np.argsort(-counts, kind="stable")][: self.MOST_COLUMNS]
        self.middles = np.array([np.median(splits[columns == column]) for column in self.columns])
        self.weights = 1 << np.arange(len(self.columns))[::-1]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Rows (rows, columns) -> their places in that order."""
        return ((rows[:, self.columns] > self.middles) @ self.weights).argsort()


def summed_by_tree(
    trees: list, values: list[np.ndarray], rows: np.ndarray, *, order: np.ndarray
) -> np.ndarray:
    """The sum of the trees' own values: one `apply` and one look-up per tree, for rows gone through in `order`."""
    ordered = rows[order]
    total = np.zeros((len(rows), values[0].shape[1]))
    for tree, value in zip(trees, values, strict=True):
        total += value.take(tree.apply(ordered), axis=0)
    said = np.empty_like(total)
    said[order] = total
    return said
