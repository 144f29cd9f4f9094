"""Lists take the same number of queries for any number of rows, and read and return no wide columns."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Dataset
from registry.models import MetricValue, ModelVersion, TrainingJob

WIDE = (
    "signature|metrics|parameters|preparation|features|request|traceback|log|recipe|column_names|profile|preview|"
    "golden_rows"
)
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
        MetricValue.objects.record(copy)
        release.pk, release.model_version, release.number, release.ended_at = (
            None,
            copy,
            number,
            release.started_at,
        )
        release.save(force_insert=True)


@pytest.mark.parametrize(
    "path",
    [
        "/registry/models/",
        "/registry/models/?dataset=flowers&target=species",
        "/registry/models/?ordering=-accuracy",
        "/registry/models/?favourite=false&trained_by=ada",
        "/catalog/",
        "/search/?q=flowers",
        "/registry/jobs/",
        "/",
        "/registry/releases/",
        "/serving/",
        "/serving/flowers/dev/",
    ],
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
    # The form needs one signature, the search the names of columns.
    if path not in {"/serving/flowers/dev/", "/search/?q=flowers"}:
        read = [query["sql"].partition(" FROM ")[0] for query in many.captured_queries]
        assert not [sql for sql in read if WIDE_COLUMN.search(sql)]


def test_pages_of_many_versions_are_small(page, make_version):
    version = make_version(description="d" * 500)
    make_copies(version, 2, 61)
    paths = [
        "/",
        "/catalog/",
        "/catalog/flowers/",
        "/registry/models/",
        "/registry/jobs/",
        "/registry/releases/",
    ]
    paths += ["/registry/models/?dataset=flowers&target=species", "/registry/models/?ordering=-log_loss"]
    sizes = {path: len(page.get(path).content) for path in [*paths, "/search/?q=flowers"]}
    assert {path: size for path, size in sizes.items() if size > 100_000} == {}


def widen(version) -> None:
    """Give a version, its job and its dataset version what 2,000 columns would."""
    names = [f"measurement_{number:04}" for number in range(2000)]
    columns = [{"name": name, "type": "number", "nullable": True} for name in names]
    version.features, version.warnings = names, [{"detail": name} for name in names]
    version.signature = version.signature | {"inputs": columns}
    version.parameters = {"monotonic_cst": [0] * 2000}
    version.metrics = version.metrics | {"classification_report": dict.fromkeys(names, 0.5)}
    version.description = "é" * 10_000
    Dataset.objects.update(description=version.description)
    version.save()
    source, job = version.dataset_version, version.job
    source.recipe, source.column_count = source.recipe | {"columns": columns}, 2000
    source.profile = {name: {"mean": 0.5} for name in names}
    source.save()
    job.request, job.warnings = job.request | {"features": names}, version.warnings
    job.save()


@pytest.mark.parametrize("path", ["/datasets", "/models", "/jobs"])
def test_a_row_of_an_api_list_is_small_and_read_without_wide_columns(make_version, api, path):
    widen(make_version())
    with CaptureQueriesContext(connection) as queries:
        response = api.get(path)
    read = [query["sql"].partition(" FROM ")[0] for query in queries.captured_queries]
    assert not [sql for sql in read if WIDE_COLUMN.search(sql)]
    assert len(response.content) < 2000


def test_a_row_of_an_api_list_summarises_what_it_leaves_out(make_version, api):
    widen(make_version())
    [dataset], [model], [job] = (
        api.get(path).json()["results"] for path in ("/datasets", "/models", "/jobs")
    )
    assert dataset["column_count"] == len(api.get("/datasets/flowers").json()["columns"]) == 2000
    assert dataset["description"] == model["description"] == "é" * 199 + "…"
    assert model["metrics"] == {"accuracy": 1.0, "f1_score": 1.0}
    assert (job["algorithm"], job["result"]["version"]) == ("DecisionTreeClassifier", 1)
    details = api.get("/models/flowers/1").json()
    assert (len(details["features"]), len(details["description"])) == (2000, 10_000)
    assert len(api.get("/datasets/flowers").json()["description"]) == 10_000
    assert len(api.get(job["url"]).json()["request"]["features"]) == 2000


@pytest.mark.parametrize(
    "model", ["catalog_datasetversion", "registry_modelversion", "registry_release", "registry_trainingjob",
              "serving_verification", "serving_scoringjob"],
)  # fmt: skip
def test_a_list_of_the_admin_reads_no_wide_columns(page, make_version, model):
    make_version()
    with CaptureQueriesContext(connection) as queries:
        assert page.get(reverse(f"admin:{model}_changelist")).status_code == 200
    read = [query["sql"].partition(" FROM ")[0] for query in queries.captured_queries]
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
    with django_assert_num_queries(5):
        api.get("/models")
    make_copies(version, 3, 11)
    with django_assert_num_queries(5):
        assert len(api.get("/models").json()["results"]) == 10
    with django_assert_num_queries(3):
        assert len(api.get("/jobs").json()["results"]) == 10
