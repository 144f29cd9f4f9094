"""Models that a changed table does not fit."""

from django.utils import timezone

from registry.models import Release
from registry.releases.dataset_changes import models_that_do_not_fit
from tests.conftest import FLOWERS


def test_models_need_the_columns_that_they_were_trained_on(make_version, make_dataset):
    source = make_dataset()
    make_version(source)
    columns = [column for column in source.columns if column["name"] != "colour"]
    columns[0] = columns[0] | {"type": "text"}
    assert models_that_do_not_fit(source, columns) == [
        {
            "version": 1,
            "stages": ["dev"],
            "reasons": ["`length` is text instead of integer", "`colour` is missing"],
        }
    ]
    assert models_that_do_not_fit(source, source.columns) == []


def test_integers_fit_a_model_of_numbers(make_version, make_dataset):
    source = make_dataset()
    make_version(source)
    columns = [
        column | {"type": "integer"} if column["name"] == "width" else column for column in source.columns
    ]
    assert models_that_do_not_fit(source, columns) == []


def test_a_live_model_counts_whatever_version_it_was_trained_on(make_version, make_dataset):
    make_version(make_dataset())
    latest = make_dataset(content=FLOWERS + "9,9,red,rose\n", new_version=True)
    columns = [column for column in latest.columns if column["name"] != "colour"]
    assert [model["reasons"] for model in models_that_do_not_fit(latest, columns)] == [
        ["`colour` is missing"]
    ]
    Release.objects.update(ended_at=timezone.now())
    assert models_that_do_not_fit(latest, columns) == []
