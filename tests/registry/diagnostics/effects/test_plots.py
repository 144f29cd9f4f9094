"""Importance and dependence on the page of a version."""

import json

import pytest

from registry.diagnostics.build import build
from registry.diagnostics.effects import dependence, importance, plots
from registry.models import Diagnostics
from tests.registry.diagnostics.effects.test_importance import held_out


@pytest.fixture(scope="module")
def sections():
    return build(held_out("RandomForestClassifier", {"n_estimators": 5}))


@pytest.fixture
def shown(sections, make_version, page):
    version = make_version()
    Diagnostics.objects.create(model_version=version, sections=sections, duration_s=1)
    return page.get(f"/registry/models/{version.dataset.name}/{version.number}/").content.decode()


def test_the_page_shows_importance_with_a_bar_a_column(shown):
    assert "Importance of columns" in shown and "How much Accuracy" in shown
    assert shown.count('class="value"') >= 5


def test_the_page_shows_dependence_of_numbers_and_categories(shown):
    assert "Dependence on columns" in shown
    assert "<h3>length</h3>" in shown and "<h3>colour</h3>" in shown


def test_sections_are_small(sections):
    assert len(json.dumps({name: sections[name] for name in ("importance", "dependence")})) < 10_000


def test_a_column_without_values_has_a_plot():
    rows = held_out("Ridge")
    rows.X = rows.X.assign(length=float("nan"))
    rows.sections = {"importance": {"columns": [{"column": "length"}]}}
    [part] = plots.dependence(dependence.measure(rows), type("V", (), {"target": "size"}))["parts"]
    assert part["plot"].table.rows[0][0] == "missing"


def test_many_columns_are_folded():
    columns = [{"column": f"c{n}", "mean": 0.1, "std": None, "repeats": [0.1]} for n in range(150)]
    section = {"metric": "accuracy", "baseline": 1.0, "columns": columns, "not_reached": 0, "rows": 9}
    found = plots.importance(section, None)
    assert (len(found["shown"]), len(found["rest"]), found["count"]) == (12, 88, 150)


def test_all_columns_keep_a_place_within_the_picture(sections):
    for row in plots.importance(sections["importance"], None)["shown"]:
        assert all(0 <= place <= 100 for place in (row["bar"].low, row["bar"].high, row["bar"].end))
    assert len(row["bar"].dots) == importance.REPEATS
