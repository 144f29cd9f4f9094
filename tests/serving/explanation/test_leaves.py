"""TreeSHAP, compared with Shapley values by their definition."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from serving.explanation import additive
from serving.explanation.leaves import LEAF


def expected_output(tree, row, known, node=0):
    """The path-dependent expectation of a scikit-learn tree if only some features are known."""
    left, right = tree.children_left[node], tree.children_right[node]
    if left == LEAF:
        return tree.value[node, 0, 0]
    if tree.feature[node] in known:
        value = np.float32(row[tree.feature[node]])
        goes_left = tree.missing_go_to_left[node] if np.isnan(value) else value <= tree.threshold[node]
        return expected_output(tree, row, known, left if goes_left else right)
    weight = tree.weighted_n_node_samples
    below = (weight[child] * expected_output(tree, row, known, child) for child in (left, right))
    return sum(below) / weight[node]


def shapley(tree, row):
    count, values = len(row), np.zeros(len(row))
    for feature in range(count):
        others = [one for one in range(count) if one != feature]
        for size in range(count):
            weight = factorial(size) * factorial(count - 1 - size) / factorial(count)
            for known in combinations(others, size):
                with_it = expected_output(tree, row, {*known, feature})
                values[feature] += weight * (with_it - expected_output(tree, row, set(known)))
    return values


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 5)).round(1)
    X[random.random(X.shape) < 0.1] = np.nan
    return X


@pytest.mark.parametrize("depth", [1, 3, None])
def test_contributions_are_the_shapley_values_of_the_path_dependent_expectation(rows, depth):
    y = np.nan_to_num(rows[:, 0] * rows[:, 1] + rows[:, 2])
    model = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(rows, y)
    explained = additive.of(model, None, rows)
    for row in rows[:5]:
        base, contributions = explained.explain(row, 0)
        assert base == pytest.approx(expected_output(model.tree_, row, set()), abs=1e-12)
        assert contributions == pytest.approx(shapley(model.tree_, row), abs=1e-12)


def test_a_feature_that_no_tree_compares_contributes_nothing(rows):
    model = DecisionTreeClassifier(random_state=0).fit(np.c_[rows, np.zeros(80)], rows[:, 0] > 0)
    assert additive.of(model, None, rows).explain(np.append(rows[0], 7.0), 1)[1][5] == 0


def test_a_single_feature_has_the_whole_contribution(rows):
    X = np.arange(20.0)[:, None]
    model = DecisionTreeRegressor().fit(X, X[:, 0])
    base, [contribution] = additive.of(model, None, X).explain(X[3], 0)
    assert base == pytest.approx(9.5) and contribution == pytest.approx(3 - 9.5)


def test_a_tree_without_a_split_has_only_a_base_value(rows):
    model = DecisionTreeRegressor().fit(rows, np.full(80, 3.0))
    base, contributions = additive.of(model, None, rows).explain(rows[0], 0)
    assert base == pytest.approx(3) and not contributions.any()


def test_training_rows_without_weight_do_not_divide_by_zero(rows):
    weights = (rows[:, 0] > 0).astype(float)
    model = DecisionTreeRegressor(random_state=0).fit(rows, np.nan_to_num(rows[:, 1]), sample_weight=weights)
    base, contributions = additive.of(model, None, rows).explain(rows[1], 0)
    assert base + contributions.sum() == pytest.approx(model.predict(rows[1:2])[0], abs=1e-12)


def test_groups_of_trees_add_up_to_all_of_them(rows, monkeypatch):
    model = HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=5).fit(
        rows, np.nan_to_num(rows[:, 0])
    )
    together = additive.of(model, None, rows)
    monkeypatch.setattr("serving.explanation.leaves.GROUP_COMPARISONS", 40)
    apart = additive.of(model, None, rows)
    assert len(apart.sum.groups) > 1 == len(together.sum.groups)
    assert apart.explain(rows[0], 0)[1] == pytest.approx(together.explain(rows[0], 0)[1], abs=1e-12)
