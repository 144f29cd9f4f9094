"""Check the contents of imported objects whose compiled code would follow them out of its arrays.

A crafted tree with a child beyond its last node crashes a process, or reads its memory, at the first prediction: see
https://github.com/scikit-learn/scikit-learn/pull/34558.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
from django.core.exceptions import ValidationError

PATTERNS = {r"(?u)\b\w\w+\b", r"(?u)\b\w+\b", r"\b\w+\b", r"\b\w\w+\b"}  # of words; others can take for ever
MAX_OBJECTS = 5_000_000


def check(root: object) -> None:
    """Raise ValidationError (damaged_model) for an object in which compiled code would read beyond an array."""
    with unexpected():
        _check_all(root)


@contextlib.contextmanager
def unexpected() -> Iterator[None]:
    """Raise an error about a part that is not what it should be as ValidationError (damaged_model)."""
    try:
        yield
    except ValidationError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _damaged(f"{type(error).__name__} while its contents were checked") from error


def _check_all(root: object) -> None:
    seen, waiting = {}, [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, str | bytes | int | float | bool | type(None)):
            continue
        if len(seen) > MAX_OBJECTS:
            raise _damaged("it has too many parts")
        seen[id(one)] = one  # which keeps the identity from being used again
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            waiting += one
        elif isinstance(one, np.ndarray):
            if one.dtype == object:
                waiting += one.ravel().tolist()
        else:
            _check(one)
            waiting += vars(one).values() if hasattr(one, "__dict__") else ()


def _check(one: object) -> None:
    from scipy import sparse

    if sparse.issparse(one):
        try:
            one.check_format(full_check=True)
        except ValueError as error:
            raise _damaged("a sparse matrix has indices beyond its columns") from error
    name = type(one).__name__
    if name == "Tree":
        check_tree(one)
    elif hasattr(one, "tree_"):
        require(one.tree_.n_features == one.n_features_in_, "a tree has other columns than its estimator")
    elif hasattr(one, "_predictors") and hasattr(one, "_bin_mapper"):
        _check_histogram_trees(one)
    elif hasattr(one, "estimators_") and hasattr(one, "n_features_in_"):
        _check_ensemble(one)
    if hasattr(one, "token_pattern"):
        _check_vectorizer(one)


def check_tree(tree) -> None:
    """Each child comes after its parent, so that every path ends, and each node compares a column that there is."""
    count = tree.node_count
    require(count > 0, "a tree has no nodes")
    is_inner = tree.children_left != -1
    check_nodes(tree.children_left, tree.children_right, tree.feature, is_inner, tree.n_features)
    require(len(tree.value) == count, "a tree has nodes without a value")


def check_nodes(left, right, feature, is_inner, columns: int) -> None:
    """Inner nodes have children after them and a column that there is. All are arrays over the nodes."""
    index = np.arange(len(left))
    for child in (left, right):
        child = child.astype(np.int64)
        is_valid = ((child > index) & (child < len(index)))[is_inner].all()
        require(is_valid, "a tree refers to a node that it does not have")
    used = feature.astype(np.int64)[is_inner]
    require(((used >= 0) & (used < columns)).all(), "a tree refers to a column that it does not have")


def _check_ensemble(one) -> None:
    """The members of a forest see all columns, and those of gradient boosting fill as many scores as it has."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.ensemble._forest import BaseForest

    is_boosting = isinstance(one, GradientBoostingClassifier | GradientBoostingRegressor)
    if is_boosting:
        shape = np.shape(one.estimators_)
        require(
            len(shape) == 2 and shape[1] == one.n_trees_per_iteration_, "its trees are not one for each score"
        )
    if is_boosting or isinstance(one, BaseForest):
        for member in np.ravel(one.estimators_):
            require(
                getattr(member, "n_features_in_", None) == one.n_features_in_ and hasattr(member, "tree_"),
                "a tree has other columns than its estimator",
            )


def _check_histogram_trees(one) -> None:
    mapper, columns = one._bin_mapper, one._n_features if hasattr(one, "_n_features") else one.n_features_in_
    categorical = np.asarray(mapper.is_categorical_)
    require(categorical.shape == (columns,), "its bins are not those of its columns")
    for tree in (tree for stage in one._predictors for tree in stage):
        nodes = tree.nodes
        is_inner = ~nodes["is_leaf"].astype(bool)
        require(len(nodes) > 0, "a tree has no nodes")
        check_nodes(nodes["left"], nodes["right"], nodes["feature_idx"], is_inner, columns)
        splits = is_inner & nodes["is_categorical"].astype(bool)
        if splits.any():
            bitsets = tree.raw_left_cat_bitsets
            require(
                (nodes["bitset_idx"][splits] < len(bitsets)).all(),
                "a tree refers to categories that it lacks",
            )
            require(np.shape(bitsets)[1:] == (8,), "a tree refers to categories that it lacks")
            is_category = categorical[nodes["feature_idx"][splits].astype(np.int64)].astype(bool)
            require(is_category.all(), "a tree splits on the categories of a number")


def _check_vectorizer(one) -> None:
    if one.token_pattern not in PATTERNS:
        raise ValidationError(
            "A vectorizer of the model has a token_pattern of its own, which can take for ever on some texts. Use the "
            "default one.",
            code="untrusted_type",
        )
    vocabulary = getattr(one, "vocabulary_", None)
    if vocabulary is not None:
        places = sorted(vocabulary.values())
        require(places == list(range(len(places))), "the vocabulary of a vectorizer has gaps")


def require(condition: object, reason: str) -> None:
    """Raise ValidationError (damaged_model) unless this is so."""
    if not condition:
        raise _damaged(reason)


def _damaged(reason: str) -> ValidationError:
    return ValidationError(f"The model is damaged: {reason}. Save it again.", code="damaged_model")
