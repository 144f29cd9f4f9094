"""Two to six model versions beside each other, on the page and in the API."""

import re

import pytest

from registry.comparison.side_by_side import SideBySide
from registry.models import ModelVersion
from tests.registry.comparison.test_differences import measured


def cells(*versions):
    (row,) = SideBySide(list(versions)).metrics
    return [(cell.value, cell.is_best, cell.is_clearly_best) for cell in row.cells]


def test_the_best_of_a_metric_is_clear_only_if_its_interval_overlaps_no_other():
    low, middle = measured(1, 0.5, [0.4, 0.6]), measured(2, 0.7, [0.65, 0.8])
    assert cells(low, middle) == [(0.5, False, False), (0.7, True, True)]
    high = measured(3, 0.75, [0.7, 0.85])
    assert cells(low, middle, high)[2] == (0.75, True, False)


def test_metrics_of_different_targets_are_not_ranked():
    other = measured(2, 0.9, [0.8, 0.95])
    other.target = "colour"
    assert cells(measured(1, 0.5, [0.4, 0.6]), other) == [(0.5, False, False), (0.9, False, False)]


def test_versions_of_another_target_have_other_test_rows():
    versions = [measured(number, 0.5, None) for number in (1, 2)]
    for version in versions:
        version.random_state = 42
    assert SideBySide(versions).have_same_test_rows
    versions[1].target = "colour"
    assert not SideBySide(versions).have_same_test_rows


@pytest.fixture
def two(make_dataset, make_version):
    """Two trees: of another depth, and without the colour."""
    source = make_dataset()
    make_version(source, params={"max_depth": 1})
    make_version(source, params={"max_depth": 3}, features=["length", "width"])


def test_the_page_shows_metrics_and_only_what_differs(two, page):
    text = page.get("/registry/models/compare/?model=flowers/1&model=flowers/2").text
    assert "All were measured on the same 5 rows." in text
    cells = re.sub(r' (class|data-label)="[^"]*"', "", text)
    assert '<th scope="row">max_depth</th><td>1</td><td>3</td>' in cells
    assert "criterion" not in text
    assert '<th scope="row">colour</th><td>One-hot</td><td>–</td>' in cells


def test_the_page_shows_the_first_of_thousands_of_differences(two, page):
    names = [f"c{number}" for number in range(3000)]
    ModelVersion.objects.filter(number=2).update(features=names, parameters={"monotonic_cst": [0] * 3000})
    text = page.get("/registry/models/compare/?model=flowers/1&model=flowers/2").text
    assert "The first 100 of 3,003." in text
    assert len(text) < 100_000


def test_the_api_returns_the_same(two, api):
    body = api.get("/models/compare?model=flowers/1&model=flowers/2").json()
    assert [model["version"] for model in body["models"]] == [1, 2]
    assert body["same_test_rows"] is True
    assert {"name": "max_depth", "values": [1, 3]} in body["parameters"]
    assert body["columns"] == [{"name": "colour", "values": ["one_hot", None]}]
    assert {"metric", "better", "cells"} == set(body["metrics"][0])


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("", 400, "Select 2 to 6 model versions"),
        ("?model=flowers/1&model=flowers/1", 400, "Select 2 to 6 model versions"),
        ("?model=flowers/1&model=Flowers/01", 400, "Select 2 to 6 model versions"),
        ("?" + "&".join(f"model=flowers/{n}" for n in range(1, 8)), 400, "Select 2 to 6 model versions"),
        ("?model=flowers/1&model=flowers", 400, "such as `iris/2`"),
        ("?model=flowers/1&model=flowers/²", 400, "such as `iris/2`"),
        ("?model=flowers/1&model=flowers/9", 404, "no model version 9"),
        ("?model=flowers/1&models=flowers/2", 400, "Did you mean `model`?"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(two, api, query, status, sentence):
    response = api.get(f"/models/compare{query}")
    assert response.status_code == status
    assert sentence in response.json()["detail"]


def test_a_selection_that_cannot_be_compared_leads_back_to_the_list(two, page):
    response = page.get("/registry/models/compare/?model=flowers/1", follow=True)
    assert response.redirect_chain == [("/registry/models/", 302)]
    assert "Select 2 to 6 model versions to compare." in response.text


def test_the_list_has_a_box_for_each_version(two, page):
    assert 'name="model" value="flowers/2"' in page.get("/registry/models/").text
