"""The page of a version with the diagnostics of many classes and columns stays small, and its queries constant."""

import numpy as np
import pandas
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from registry.diagnostics.build import build
from registry.diagnostics.held_out import HeldOut
from registry.models import Diagnostics

PAGE = "/registry/models/flowers/1/"
MAX_BYTES = 200_000


def sections(*, classes: int, columns: int) -> dict:
    random = np.random.default_rng(0)
    y = np.array([f"class {i % classes}" for i in range(30 * classes)])
    X = pandas.DataFrame(random.normal(size=(len(y), columns)), columns=[f"c{i}" for i in range(columns)])
    X["c0"] += [i % classes for i in range(len(y))]
    inputs = [{"name": name, "type": "number"} for name in X]
    pipeline = Pipeline([("columns", StandardScaler()), ("model", GaussianNB())]).fit(X, y)
    return build(HeldOut(pipeline, X, y, task="classification", inputs=inputs))


@pytest.fixture
def queries(page):
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page.get(PAGE)
        return len(captured)

    return count


def test_the_page_of_many_classes_and_columns_is_small_with_as_many_queries(make_version, page, queries):
    version = make_version()
    stored = Diagnostics.objects.create(
        model_version=version, sections=sections(classes=2, columns=2), duration_s=1
    )
    page.get(PAGE)
    few = queries()
    stored.sections = sections(classes=10, columns=40)
    assert {"curves", "importance", "slices", "dependence"} <= stored.sections.keys()
    stored.save()
    assert queries() == few
    text = page.get(PAGE).text
    assert "the 8 most frequent classes, 2 more are not drawn" in text
    assert len(text) < MAX_BYTES


def test_a_section_that_cannot_be_drawn_is_left_out_of_the_page(make_version, page):
    found = sections(classes=2, columns=2) | {"slices": {"metric": "accuracy"}}
    Diagnostics.objects.create(model_version=make_version(), sections=found, duration_s=1)
    response = page.get(PAGE)
    assert response.status_code == 200
    assert "curves" in response.context["diagnostics"] and "slices" not in response.context["diagnostics"]
