"""Evaluate many scikit-learn trees without its per-tree Python calls: the same leaves, votes and sums, bit for bit.

`MergedTrees` joins all trees into one, so that a single compiled call finds the leaves of all of them: best for few
rows. `sum_tree_by_tree` calls `tree_.apply` of each tree, which copies no rows: best for many. Sums run over the trees
in order, as scikit-learn's do, because floating-point addition depends on the order.
"""

import numpy as np

# MergedTrees holds a copy of all nodes: above this number the memory costs more than the saved calls.
MAX_MERGED_NODES = 1_000_000
# Cells of one `MergedTrees` call: 16 MB, reached by 32 rows of 200 columns with 600 trees. With 1,000 such trees it was
# 8 times as slow as one `apply` per tree.
MAX_MERGED_CELLS = 4_000_000
LEAF = -1
FLOAT32_MAX = float(np.finfo(np.float32).max)
NODE_BYTES = 64 + 8  # a node of a `Tree`, and the value that it must have


class OutOfRange(Exception):
    """A number that the estimator rejects; the pipeline raises the error with scikit-learn's message."""


def check_range(encoded: np.ndarray) -> None:
    """Raise OutOfRange if a number exceeds float32: estimators with trees reject it, except under assume_finite."""
    if (np.abs(encoded) > FLOAT32_MAX).any():
        raise OutOfRange


class MergedTrees:
    """All trees of an ensemble merged into one scikit-learn `Tree`, for one `apply` over rows x trees.

    Each row is repeated for every tree with the tree's number as an extra column; router nodes at the top split on that
    column and lead to the root of the tree.
    """

    def __init__(
        self,
        trees: list[np.ndarray],
        values: list[np.ndarray],
        width: int,
        columns: np.ndarray | None = None,
    ):
        """Merge node tables as `node_table` returns them; `values` are (nodes, outputs), `width` is a row's columns.

        With `columns` (trees, width), those of a row that each tree compares, the features of a tree are their places.
        """
        from sklearn.tree._tree import Tree

        routers = len(trees) - 1
        starts = routers + np.cumsum([0, *map(len, trees)])
        nodes = np.zeros(starts[-1], dtype=trees[0].dtype)
        _add_routers(nodes, iter(range(routers)), starts[:-1], column=width, first=0)
        for tree, start in zip(trees, starts[:-1], strict=True):
            moved = nodes[start : start + len(tree)]
            moved[:] = tree
            for side in ("left_child", "right_child"):
                moved[side] += np.where(tree["left_child"] == LEAF, 0, start)
        self.tree = Tree(width + 1, np.ones(1, dtype=np.intp), 1)
        empty = np.zeros((len(nodes), 1, 1))
        self.tree.__setstate__({"max_depth": 0, "node_count": len(nodes), "nodes": nodes, "values": empty})
        self.value = np.concatenate([np.zeros((routers, values[0].shape[1])), *values])
        self.numbers = np.arange(len(trees), dtype=np.float32)[:, None]
        self.width, self.columns = width, columns
        self.max_rows = MAX_MERGED_CELLS // (len(trees) * (width + 1))

    @property
    def nbytes(self) -> int:
        return self.tree.node_count * NODE_BYTES + self.value.nbytes

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The value of each tree for each row: float32 (rows, columns) -> (trees, rows, outputs).

        Ordered tree by tree, so that a tree's nodes stay in the processor's cache and its routers always branch alike.
        """
        count, width = len(rows), self.width
        cells = np.empty((len(self.numbers), count, width + 1), dtype=np.float32)
        if self.columns is None:
            cells[:, :, :width] = rows
        else:
            cells[:, :, :width] = rows.T.take(self.columns, axis=0).transpose(0, 2, 1)
        cells[:, :, width] = self.numbers
        leaves = self.tree.apply(cells.reshape(-1, width + 1))
        return self.value.take(leaves, axis=0).reshape(len(self.numbers), count, -1)


def _add_routers(nodes: np.ndarray, free, roots: np.ndarray, *, column: int, first: int) -> int:
    """Add the routers to these roots by bisection and return the index of the top one; `first` is the first tree."""
    if len(roots) == 1:
        return roots[0]
    index, half = next(free), len(roots) // 2
    left = _add_routers(nodes, free, roots[:half], column=column, first=first)
    right = _add_routers(nodes, free, roots[half:], column=column, first=first + half)
    nodes[index]["left_child"], nodes[index]["right_child"] = left, right
    nodes[index]["feature"], nodes[index]["threshold"] = column, first + half - 0.5
    return index


def node_table(tree) -> np.ndarray:
    """The structured array of nodes of a scikit-learn `tree_`."""
    return tree.__getstate__()["nodes"]


class HistogramSplits:
    """Turns float64 rows into float32 cells on which `Tree.apply` decides as HistGradientBoosting does.

    It compares in float64, and `Tree.apply` in float32: a number becomes its rank among a column's thresholds, and a
    threshold its own rank. A split on categories becomes a cell of its own, 0 for those that go left and 1 for others.
    So that each tree copies only the cells it needs, `columns` (trees, places) are the cells of each tree.
    """

    def __init__(self, predictors: list, width: int):
        """Read the predictors of an estimator whose rows have this many columns."""
        self.trees, self.width, self.thresholds = [predictor.nodes for predictor in predictors], width, []
        for column in range(width):
            thresholds = [tree["num_threshold"][self._splits(tree, column)] for tree in self.trees]
            self.thresholds.append(np.unique(np.concatenate(thresholds)))
        self._read_categories(predictors)
        self.columns = self.used = None
        if self.categories:
            self.used = [
                np.unique(cells[tree["is_leaf"] == 0])
                for tree, cells in zip(self.trees, self.cells, strict=True)
            ]
            self.columns = np.zeros((len(self.used), max(max(map(len, self.used)), 1)), dtype=np.intp)
            for places, cells in zip(self.columns, self.used, strict=True):
                places[: len(cells)] = cells

    def _read_categories(self, predictors):
        """`cells` is the cell that each node compares; `categories` has for each column on which trees split by
        category its first cell and a table of codes (the last row is a missing value) by cells.
        """
        sets = {}  # column: {bits: number}
        for tree, predictor in zip(self.trees, predictors, strict=True):
            for node in tree[tree["is_categorical"] == 1]:
                numbers = sets.setdefault(int(node["feature_idx"]), {})
                numbers.setdefault(predictor.raw_left_cat_bitsets[node["bitset_idx"]].tobytes(), len(numbers))
        self.categories, start = {}, self.width
        for column, numbers in sets.items():
            bits = np.unpackbits(
                np.frombuffer(b"".join(numbers), np.uint8).reshape(len(numbers), -1),
                axis=1,
                bitorder="little",
            )
            table = np.vstack([1 - bits.T.astype(np.float32), np.full((1, len(numbers)), np.nan, np.float32)])
            self.categories[column] = start, table
            start += len(numbers)
        self.size, self.cells = start, []
        for tree, predictor in zip(self.trees, predictors, strict=True):
            cells = tree["feature_idx"].astype(np.intp)
            for index in np.flatnonzero(tree["is_categorical"]):
                column = int(tree["feature_idx"][index])
                bits = predictor.raw_left_cat_bitsets[tree["bitset_idx"][index]].tobytes()
                cells[index] = self.categories[column][0] + sets[column][bits]
            self.cells.append(cells)

    @staticmethod
    def _splits(tree: np.ndarray, column: int) -> np.ndarray:
        return (tree["is_leaf"] == 0) & (tree["is_categorical"] == 0) & (tree["feature_idx"] == column)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """float64 rows -> float32 cells, to compare with the thresholds of `node_tables()`; missing is NaN."""
        cells = np.empty((len(rows), self.size), dtype=np.float32)
        for column, thresholds in enumerate(self.thresholds):
            cells[:, column] = thresholds.searchsorted(rows[:, column])
        cells[:, : self.width][np.isnan(rows)] = np.nan
        for column, (start, table) in self.categories.items():
            codes = np.nan_to_num(rows[:, column], nan=len(table) - 1).astype(np.intp)
            cells[:, start : start + table.shape[1]] = table.take(codes, axis=0)
        return cells

    def node_tables(self) -> list[np.ndarray]:
        """The predictors' tables in the node format of scikit-learn's `tree_`."""
        from sklearn.tree._tree import NODE_DTYPE

        tables = []
        for number, (tree, cells) in enumerate(zip(self.trees, self.cells, strict=True)):
            nodes = np.zeros(len(tree), dtype=NODE_DTYPE)
            for side in ("left", "right"):
                nodes[f"{side}_child"] = np.where(tree["is_leaf"], LEAF, tree[side].astype(np.intp))
            nodes["missing_go_to_left"] = tree["missing_go_to_left"]
            nodes["feature"] = tree["feature_idx"]
            nodes["threshold"] = 0.5  # between the cells of a split by category
            for column, thresholds in enumerate(self.thresholds):
                splits = self._splits(tree, column)
                nodes["threshold"][splits] = thresholds.searchsorted(tree["num_threshold"][splits])
            if self.columns is not None:
                is_split = tree["is_leaf"] == 0
                nodes["feature"][is_split] = self.used[number].searchsorted(cells[is_split])
            tables.append(nodes)
        return tables


def sum_in_order(values: np.ndarray, start: np.ndarray | float = 0.0) -> np.ndarray:
    """`start` plus the values, tree after tree: (trees, rows, outputs) -> (rows, outputs). Overwrites `values[0]`.

    Not `sum()`, which adds pairwise where the memory layout allows it and therefore rounds differently.
    """
    values[0] += start
    return np.ascontiguousarray(np.add.accumulate(values, axis=0)[-1])


class RowOrder:
    """Sorts rows that take similar paths through the trees next to each other, which helps branch prediction.

    The key is on which side of the median split a row is, for the columns that most trees split first. It saves a sixth
    of the time for 300 rows, and a third for 3,000.
    """

    MAX_COLUMNS = 24

    def __init__(self, trees: list):
        """Read the root splits of scikit-learn's `tree_`s."""
        roots = [(tree.feature[0], tree.threshold[0]) for tree in trees if tree.feature[0] >= 0]
        columns, splits = np.array(roots, dtype=np.float64).reshape(-1, 2).T
        unique, counts = np.unique(columns.astype(int), return_counts=True)
        self.columns = unique[np.argsort(-counts, kind="stable")][: self.MAX_COLUMNS]
        self.medians = np.array([np.median(splits[columns == column]) for column in self.columns])
        self.weights = 1 << np.arange(len(self.columns))[::-1]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """(rows, columns) -> the row indices in sorted order."""
        return ((rows[:, self.columns] > self.medians) @ self.weights).argsort()


def sum_tree_by_tree(
    trees: list, values: list[np.ndarray], rows: np.ndarray, *, order: np.ndarray
) -> np.ndarray:
    """The sum of the trees' values with one `apply` per tree, visiting the rows in `order`: (rows, outputs)."""
    ordered = rows[order]
    total = np.zeros((len(rows), values[0].shape[1]))
    for tree, value in zip(trees, values, strict=True):
        total += value.take(tree.apply(ordered), axis=0)
    sums = np.empty_like(total)
    sums[order] = total
    return sums
