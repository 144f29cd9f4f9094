"""The search over everything, by page and by API."""

import importlib
import io
import re

import pytest
from django.apps import apps

from catalog.discovery import metadata
from catalog.models import DatasetVersion
from registry.jobs import submission
from registry.training.request import TrainingRequest
from serving.batch import service
from tests.test_parity import sentence_of, text_of


@pytest.fixture
def found(api):
    """The names that a search finds, by kind, in order."""

    def find(q, **parameters):
        body = api.get("/search", {"q": q} | parameters).json()
        return {group["kind"]: [result["name"] for result in group["results"]] for group in body["groups"]}

    return find


def test_datasets_are_found_by_name_tag_and_description_the_best_match_first(found, make_dataset, admin):
    for name in ("usage", "mean_age", "age", "age_groups", "other", "tagged", "nothing"):
        make_dataset(name, "a,b\n1,2\n")
    for dataset in {version.dataset for version in DatasetVersion.objects.select_related("dataset")}:
        if dataset.name == "other":
            metadata.edit(dataset, description="Average **AGE** of people", by=admin)
        if dataset.name == "tagged":
            metadata.edit(dataset, tags=["age"], by=admin)
    names = ["age", "age_groups", "mean_age", "usage", "other", "tagged"]
    assert found("Age", kind="dataset") == {"dataset": names}
    assert found("average age") == {"dataset": ["other"]}
    assert found("age")["tag"] == ["age"]


def test_columns_are_found_in_the_newest_version_of_each_dataset(found, api, make_dataset):
    make_dataset("first", "age,old_age,name\n1,2,3\n")
    make_dataset("second", "sepal length,usage,age group\n1,2,3\n")
    assert found("age") == {"column": ["age", "age group", "old_age", "usage"]}
    assert found("Length sepal") == {"column": ["sepal length"]}
    make_dataset("first", "years,b\n1,2\n", new_version=True)
    assert found("age") == {"column": ["age group", "usage"]}
    [group] = api.get("/search?q=years").json()["groups"]
    assert group["results"] == [
        {"name": "years", "description": "in first", "match": "exact", "url": "/datasets/first",
         "page": "/catalog/first/column/?name=years"},
    ]  # fmt: skip


def test_the_kind_with_the_best_match_comes_first(found, make_dataset):
    make_dataset("wages", "age,b\n1,2\n")
    assert list(found("age")) == ["column", "dataset"]
    assert list(found("wages")) == ["dataset"]


def test_models_and_jobs_are_found_by_dataset_algorithm_and_number(found, make_version):
    version = make_version()
    make_version(version.dataset_version)
    assert found("flowers")["model"] == ["flowers version 2", "flowers version 1"]
    for query in ("flowers version 1", "flowers v1", "decisiontree flowers 1"):
        assert found(query)["model"] == ["flowers version 1"]
    assert found("DecisionTreeClassifier")["job"] == [f"Job {version.job_id + 1}", f"Job {version.job_id}"]
    assert found(f"job {version.job_id}") == {"job": [f"Job {version.job_id}"]}
    assert found("species")["model"] == ["flowers version 2", "flowers version 1"]
    assert found("RandomForest") == {}


def test_scoring_jobs_are_found_by_file_dataset_and_number(found, make_version, settings, admin):
    settings.INLINE_SCORING_BYTES = 0
    version = make_version()
    file = io.BytesIO(b"length,width,colour\n1,2,red\n")
    job = service.score(version.dataset, stage="dev", file=file, filename="spring sales.csv", by=admin)
    for query in ("sales", f"scoring job {job.pk}", f"{job.pk} spring"):
        assert found(query)["scoring_job"] == [f"Scoring job {job.pk}"]


def test_every_result_leads_to_a_page_and_an_api_call(page, api, make_version, admin):
    metadata.edit(make_version().dataset, tags=["flowers / garden"], by=admin)
    groups = api.get("/search?q=flowers").json()["groups"] + api.get("/search?q=length").json()["groups"]
    results = [result for group in groups for result in group["results"]]
    assert {group["kind"] for group in groups} == {"dataset", "column", "tag", "model", "job"}
    for result in results:
        assert page.get(result["page"].partition("#")[0]).status_code == 200
        assert api.get(result["url"]).status_code == 200


def test_more_results_than_the_limit_are_announced(page, api, make_dataset):
    make_dataset("wide", ",".join(f"x{n}" for n in range(60)) + "\n" + ",".join(["1"] * 60) + "\n")
    [group] = api.get("/search?q=x&limit=3").json()["groups"]
    assert ([result["name"] for result in group["results"]], group["has_more"]) == (["x0", "x1", "x2"], True)
    for path, link in (
        ("/search/?q=x", "?q=x&amp;kind=column"),
        ("/search/?kind=&q=x", "?kind=column&amp;q=x"),
    ):
        assert f'href="{link}">More columns</a>' in page.get(path).text
    text = page.get("/search/?q=x&kind=column").text
    assert len(re.findall(r'class="row-link', text)) == 50
    assert "The first 50 are shown." in text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"q": "a\x00b"}, 400),
        ({"q": "x" * 201}, 400),
        ({"q": "x" * 10_000}, 400),
        ({"q": "a " * 11}, 400),
        ({"q": "a", "kind": "none"}, 400),
        ({"q": "a", "kinds": "dataset"}, 400),
        ({"q": "%"}, 200),
        ({"q": "_"}, 200),
        ({"q": "\\"}, 200),
        ({"q": "😀 'x\" --"}, 200),
        ({"q": "\u202e\ud7ff"}, 200),
        ({"q": "99999999999999999999"}, 200),
    ],
)
def test_page_and_api_answer_hostile_searches_alike(page, api, make_version, query, status):
    make_version()
    by_page, by_api = page.get("/search/", query), api.get("/search", query)
    assert (by_page.status_code, by_api.status_code) == (status, status)
    if status == 400:
        assert sentence_of(by_api) in text_of(by_page)
    elif query["q"] != "_":
        assert by_api.json() == {"groups": []}
        assert "Nothing found" in by_page.text


def test_wildcards_are_characters(found, make_dataset):
    make_dataset("flowers", "100%,b\n1,2\n")
    make_dataset("a_b", "x,y\n1,2\n")
    assert found("%") == {"column": ["100%"]}
    assert found("_") == {"dataset": ["a_b"]}


def test_an_empty_search_is_a_page_and_an_invalid_call(page, api):
    assert "Enter a name or a part of it" in page.get("/search/").text
    assert "Enter a name or a part of it" in page.get("/search/?q=+").text
    for path in ("/search", "/search?q=", "/search?q=+"):
        assert api.get(path).json()["fields"] == {"q": ["This field is required."]}


def test_whoever_can_read_can_search(sign_in, client, make_user):
    for path in ("/search/?q=a", "/search?q=a"):
        assert client.get(path).status_code in {302, 401}
    viewer = sign_in("viewer")
    assert [viewer.get(path).status_code for path in ("/search/?q=a", "/search?q=a")] == [200, 200]
    nobody = sign_in(None)
    assert [nobody.get(path).status_code for path in ("/search/?q=a", "/search?q=a")] == [403, 403]


def test_every_page_has_the_search_box(page, make_version):
    make_version()
    for path in ("/", "/catalog/", "/registry/models/flowers/1/", "/catalog/nothing/", "/docs"):
        text = page.get(path, headers={"Accept": "text/html"}).text
        assert re.search(
            r'<form class="search" action="/search/"[^>]*>.*<input id="search"', text, re.DOTALL
        ), path


def test_a_search_takes_the_same_queries_for_more_results(
    api, make_dataset, make_version, django_assert_max_num_queries, admin
):
    metadata.edit(make_version().dataset, tags=["green"], by=admin)
    with django_assert_max_num_queries(13) as few:
        api.get("/search?q=e&limit=50")
    for name in ("meadow", "hedge", "tree"):
        metadata.edit(make_version(make_dataset(name)).dataset, tags=["green", name], by=admin)
    with django_assert_max_num_queries(len(few)):
        assert len(api.get("/search?q=e&limit=50").json()["groups"]) == 5


def test_the_migration_fills_the_column_names_of_existing_versions(make_dataset):
    version = make_dataset("flowers", "sepal length,b\n1,2\n")
    assert version.column_names == "\nsepal length\nb\n"
    DatasetVersion.objects.update(column_names="")
    migration = importlib.import_module("catalog.migrations.0007_column_names")
    for _ in range(2):
        migration.fill(apps, None)
        assert DatasetVersion.objects.get().column_names == "\nsepal length\nb\n"


def test_a_failed_training_is_found_too(found, make_dataset, admin, settings):
    settings.JOB_QUEUED_HOOK = ""
    request = TrainingRequest(module="tree", class_name="DecisionTreeClassifier")
    job = submission.submit(make_dataset(), request=request, by=admin)
    assert found("decision") == {"job": [f"Job {job.pk}"]}
