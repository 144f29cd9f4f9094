"""The curves of some model versions in one plot, on the page that compares them."""

import pytest
from sklearn.naive_bayes import GaussianNB

from mlplatform.number_formats import metric
from registry.comparison.overlays import overlay
from registry.diagnostics.build import build
from registry.models import Diagnostics
from tests.registry.diagnostics import test_curves, test_residuals

PAGE = "/registry/models/compare/?model=flowers/1&model=flowers/2"


def diagnose(version, held_out):
    Diagnostics.objects.create(model_version=version, sections=build(held_out), duration_s=0.1)


@pytest.fixture
def two(make_dataset, make_version):
    source = make_dataset()
    return [make_version(source, params={"max_depth": depth}) for depth in (1, 2)]


@pytest.fixture(scope="module")
def classifiers():
    return [test_curves.held_out(), test_curves.held_out(model=GaussianNB())]


def test_binary_classifiers_have_their_curves_in_one_plot(two, classifiers, page):
    for version, held_out in zip(two, classifiers, strict=True):
        diagnose(version, held_out)
    plots = overlay(two)["plots"]
    assert [plot.title for plot in plots] == [
        "ROC curve", "Precision and recall", "Calibration", "Cumulative gain",
    ]  # fmt: skip
    areas = [sample.label for sample in plots[0].legend if "AUC" in sample.label]
    assert [label.split(",")[0] for label in areas] == ["version 1", "version 2"]
    html = page.get(PAGE).text
    assert areas[1] in html
    assert len(html) < 100_000


def test_classifiers_of_three_classes_have_a_plot_for_each_class(two):
    for version, model in zip(two, (None, GaussianNB()), strict=True):
        diagnose(version, test_curves.held_out(("ant", "bee", "fly"), model=model))
    plots = overlay(two)["plots"]
    assert [plot.title for plot in plots] == [
        *(f"ROC curve of {name}" for name in ("ant", "bee", "fly")),
        "Accuracy by coverage",
    ]
    assert [sample.label for sample in plots[-1].legend] == ["version 1", "version 2"]
    assert plots[-1].table.rows[0][1].endswith(" on 1 of the rows")
    stored = two[1].diagnostics.sections["curves"]["curves"][2]
    assert any(
        sample.label == f"version {two[1].number}, AUC {metric(stored['auc'])}" for sample in plots[2].legend
    )


def test_the_importance_of_columns_stands_side_by_side_on_one_scale(two, classifiers, page):
    for version, held_out in zip(two, classifiers, strict=True):
        diagnose(version, held_out)
    found = overlay(two)["importance"]
    assert found["versions"] == ["version 1", "version 2"]
    for place, held_out in enumerate(classifiers):
        means = {one["column"]: one["mean"] for one in held_out.sections["importance"]["columns"]}
        assert {row["column"]: row["cells"][place]["mean"] for row in found["rows"]} == means
    bars = [cell["bar"] for row in found["rows"] for cell in row["cells"]]
    assert len({bar.zero for bar in bars}) == 1
    assert "Importance of columns" in page.get(PAGE).text


def test_a_column_that_one_version_lacks_has_no_bar_there(two, classifiers):
    for version, held_out in zip(two, classifiers, strict=True):
        diagnose(version, held_out)
    stored = two[0].diagnostics
    lost = stored.sections["importance"]["columns"].pop()["column"]
    stored.save()
    rows = {row["column"]: row["cells"] for row in overlay(two)["importance"]["rows"]}
    assert [cell is None for cell in rows[lost]] == [True, False]


def test_classifiers_of_other_positive_classes_are_not_drawn_together(two, classifiers):
    diagnose(two[0], classifiers[0])
    diagnose(two[1], test_curves.held_out(("a", "b")))
    assert overlay(two)["plots"] == []


def test_regressors_have_the_distributions_of_their_errors_in_one_plot(make_dataset, make_version):
    homes = make_dataset("homes", "area,price\n" + "".join(f"{i},{i * 3.5}\n" for i in range(30)))
    versions = [make_version(homes, class_name="DecisionTreeRegressor") for _ in range(2)]
    for version in versions:
        diagnose(version, test_residuals.held_out())
    cumulative, sizes = overlay(versions)["plots"]
    assert cumulative.table.columns == sizes.table.columns == ["Quantile", "version 1", "version 2"]


def test_a_version_without_diagnostics_is_named(two, classifiers, page):
    diagnose(two[0], classifiers[0])
    assert overlay(two) == {"plots": [], "importance": None, "without": [two[1]]}
    assert "Not drawn, because their diagnostics are not computed" in page.get(PAGE).text


def test_the_diagnostics_of_all_versions_are_one_query(two, classifiers, django_assert_num_queries):
    diagnose(two[0], classifiers[0])
    with django_assert_num_queries(1):
        overlay(two)
