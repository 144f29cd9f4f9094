"""The training rows that explanations compare a row with."""

import json
from dataclasses import replace
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.diagnostics.effects import background
from registry.models import Diagnostics
from serving.explanation import reasons
from serving.inputs.reader import Reader
from tests.registry.diagnostics.effects.test_importance import held_out


@pytest.fixture(scope="module")
def rows():
    found = held_out("Ridge")
    return replace(found, train=found.X)


def test_rows_are_values_that_the_model_reads(rows):
    section = background.measure(rows)
    assert len(section["rows"]) == background.ROWS
    assert Reader(rows.inputs).from_rows(section["rows"]).count == background.ROWS


def test_of_long_rows_fewer_are_kept(rows, monkeypatch):
    whole = background.measure(rows)["rows"]
    monkeypatch.setattr(background, "MAX_CHARACTERS", len(json.dumps(whole)) // 3)
    assert background.measure(rows)["rows"] == whole[::4]
    monkeypatch.setattr(background, "MAX_CHARACTERS", 1)
    assert len(background.measure(rows)["rows"]) == background.MIN_ROWS


def test_means_are_those_of_the_encoded_training_rows(rows):
    means = rows.pipeline["columns"].transform(rows.X).mean(axis=0)
    assert background.measure(rows)["means"] == pytest.approx(means)


def test_trees_have_no_means():
    found = held_out("DecisionTreeClassifier")
    assert background.measure(replace(found, train=found.X))["means"] == []


def test_unknown_training_rows_have_no_section(rows):
    assert background.measure(replace(rows, train=None)) is None


def test_an_explanation_uses_the_stored_means(make_version, api):
    version = make_version(module="linear_model", class_name="LogisticRegression")
    row = [version.signature["example"][column["name"]] for column in version.signature["inputs"]]
    body = {
        "dataset_name": "flowers",
        "environment": "dev",
        "input_data": {"features": [row]},
        "explain": True,
    }
    before = api.post("/predict", body, format="json").json()["explanation"]["rows"][0]
    width = len(reasons._explainers[version.pk][1].sources)
    Diagnostics.objects.create(
        model_version=version,
        sections={},
        background={"rows": [row, [1, *row[1:]]], "means": [0.5] * width},
        duration_s=1,
    )
    reasons._explainers.clear()
    after = api.post("/predict", body, format="json").json()["explanation"]["rows"][0]
    assert after["base_value"] != before["base_value"] and after["prediction"] == pytest.approx(
        before["prediction"]
    )


def test_pages_and_the_api_do_not_read_the_rows(make_version, api, page):
    version = make_version()
    Diagnostics.objects.record(version, sections={"background": {"rows": [[1]], "means": []}}, duration_s=1)
    for client, address in ((page, "/registry/models/flowers/1/"), (api, "/models/flowers/1/diagnostics")):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        assert not [one["sql"] for one in queries if '"registry_diagnostics"."background"' in one["sql"]]


def test_rows_of_older_diagnostics_are_moved_by_the_migration(make_version):
    rows = {"rows": [[1, 2]], "means": []}
    sections = {"slices": {}, "background": rows}
    Diagnostics.objects.create(model_version=make_version(), sections=sections, duration_s=1)
    migration = import_module("registry.migrations.0025_diagnostics_background")
    for _ in range(2):
        migration.move(apps, None)
        found = Diagnostics.objects.get()
        assert (found.sections, found.background) == ({"slices": {}}, rows)
    migration.move_back(apps, None)
    assert Diagnostics.objects.get().sections == sections
