"""Lists take the same number of queries for any number of rows, and list pages read no wide columns."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Dataset
from registry.models import ModelVersion, TrainingJob

WIDE = "signature|metrics|parameters|features|request|traceback|log|recipe|profile|preview"
WIDE_COLUMN = re.compile(rf'(?:SELECT|,) "?\w+"?\."(?:{WIDE})"')  # not in JSON_EXTRACT( of one of its keys


def make_copies(version, start, end):
    """Copies of one model version, its job and its release under other numbers."""
    for number in range(start, end):
        job = TrainingJob.objects.get(pk=version.job_id)
        job.pk = None
        job.save(force_insert=True)
        release = version.releases.first()
        copy = ModelVersion.objects.get(pk=version.pk)
        copy.pk, copy.number, copy.job = None, number, job
        copy.save(force_insert=True)
        release.pk, release.model_version, release.ended_at = None, copy, release.started_at
        release.save(force_insert=True)


@pytest.mark.parametrize(
    "path", ["/registry/models/", "/registry/jobs/", "/", "/serving/", "/serving/flowers/dev/"]
)
def test_a_page_takes_the_same_queries_for_more_rows_and_reads_no_wide_columns(
    page, make_version, path, django_assert_max_num_queries
):
    version = make_version()
    make_copies(version, 2, 4)
    with CaptureQueriesContext(connection) as few_queries:
        page.get(path)
    make_copies(version, 4, 31)
    with django_assert_max_num_queries(len(few_queries)) as many:
        assert page.get(path).status_code == 200
    if path != "/serving/flowers/dev/":  # its form needs one signature
        read = [query["sql"].partition(" FROM ")[0] for query in many.captured_queries]
        assert not [sql for sql in read if WIDE_COLUMN.search(sql)]


def test_the_train_form_takes_the_same_queries_for_more_datasets(
    page, make_dataset, django_assert_max_num_queries
):
    make_dataset()
    with CaptureQueriesContext(connection) as few_queries:
        page.get("/registry/train/?dataset=flowers")
    Dataset.objects.bulk_create(Dataset(name=f"more_{number}") for number in range(30))
    with django_assert_max_num_queries(len(few_queries)):
        assert "more_29" in page.get("/registry/train/?dataset=flowers").text


def test_the_lists_of_the_api_take_the_same_queries_for_more_rows(
    make_version, api, django_assert_num_queries
):
    version = make_version()
    make_copies(version, 2, 3)
    with django_assert_num_queries(3):
        api.get("/models")
    make_copies(version, 3, 11)
    with django_assert_num_queries(3):
        assert len(api.get("/models").json()["results"]) == 10
    with django_assert_num_queries(2):
        assert len(api.get("/jobs").json()["results"]) == 10
