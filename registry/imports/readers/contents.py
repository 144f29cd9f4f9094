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
OTHER_COLUMNS = "a tree has other columns than its estimator"
NO_CATEGORIES = "an encoder refers to categories that it does not have"


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
        if id(one) in seen or isinstance(one, str | bytes | int | float | bool | type(None) | type):
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
    """By the type of an object: what attributes it has is the word of the file."""
    from scipy import sparse
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.tree import BaseDecisionTree
    from sklearn.tree._tree import Tree

    if sparse.issparse(one):
        try:
            one.check_format(full_check=True)
        except ValueError as error:
            raise _damaged("a sparse matrix has indices beyond its columns") from error
    elif isinstance(one, Tree):
        check_tree(one)
    elif isinstance(one, BaseDecisionTree):
        _check_estimator_of_tree(one)
    elif isinstance(one, BaseHistGradientBoosting):
        _check_histogram_trees(one)
    elif isinstance(one, BaseForest):
        _check_forest(one)
    elif isinstance(one, GradientBoostingClassifier | GradientBoostingRegressor):
        _check_boosting(one)
    elif isinstance(one, OneHotEncoder):
        _check_one_hot(one)
    elif isinstance(one, CountVectorizer):
        _check_vectorizer(one)
    for name in getattr(one, "__dict__", ()):
        require(not callable(getattr(type(one), name, None)), f"`{name[:50]}` is no method of it")
    if getattr(one, "n_jobs", None) is not None:
        one.n_jobs = 1  # it predicts in web processes


def check_tree(tree) -> None:
    """Each child comes after its parent, so that every path ends, and each node compares a column that there is."""
    count = tree.node_count
    require(0 < count <= tree.capacity, "a tree has no nodes, or more than it has stored")
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


def _check_estimator_of_tree(one) -> None:
    if hasattr(one, "tree_"):  # else it is not fitted
        require(one.tree_.n_features == one.n_features_in_, OTHER_COLUMNS)


def _check_forest(one) -> None:
    if hasattr(one, "estimators_"):
        _check_members(one)


def _check_members(one) -> None:
    """They are trees that see all columns."""
    from sklearn.tree import BaseDecisionTree

    for member in np.ravel(one.estimators_):
        is_tree = isinstance(member, BaseDecisionTree) and hasattr(member, "tree_")
        require(is_tree and member.n_features_in_ == one.n_features_in_, OTHER_COLUMNS)


def _check_boosting(one) -> None:
    """What it starts with has a row for each row, and as many scores as it has trees: compiled code adds to it."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if not hasattr(one, "estimators_"):
        return
    _check_members(one)
    shape, scores = np.shape(one.estimators_), one.n_trees_per_iteration_
    require(len(shape) == 2 and shape[0] > 0 and shape[1] == scores, "its trees are not one for each score")
    if not isinstance(one.init_, str | DummyClassifier | DummyRegressor):
        raise ValidationError(
            "A gradient boosting of the model starts with an estimator of its own (`init`). Use the default one.",
            code="untrusted_type",
        )
    for rows in (1, 3):
        start = one._raw_predict_init(np.zeros((rows, one.n_features_in_), np.float32))
        require(start.shape == (rows, scores), "its trees are not one for each score")


def _check_one_hot(one) -> None:
    """It fills a sparse matrix by the places of its categories, which nothing compares with the width."""
    if not hasattr(one, "categories_"):
        return
    require(list(one._n_features_outs) == list(one._compute_n_features_outs()), NO_CATEGORIES)
    dropped = one._drop_idx_after_grouping
    for place, categories in enumerate(one.categories_):
        is_grouped = one._infrequent_enabled and one._default_to_infrequent_mappings[place] is not None
        found = one._default_to_infrequent_mappings[place] if is_grouped else range(len(categories))
        width = one._n_features_outs[place]
        if dropped is not None and dropped[place] is not None:
            width += 1
            require(0 <= dropped[place] < width, NO_CATEGORIES)
        is_sorted = categories.dtype.kind in "OUS" or np.array_equal(
            np.sort(categories), categories, equal_nan=True
        )
        require(is_sorted, NO_CATEGORIES)
        require(len(found) == len(categories) and {*map(int, found)} == {*range(width)}, NO_CATEGORIES)


def _check_histogram_trees(one) -> None:
    if not hasattr(one, "_predictors"):
        return
    mapper, columns = one._bin_mapper, one.n_features_in_
    require(one._preprocessor is None, "its columns are not those of its trees")
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
    if one.input != "content":
        raise ValidationError(
            "A vectorizer of the model reads files (`input`), which a server must not. Use the default, `content`.",
            code="untrusted_type",
        )
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
