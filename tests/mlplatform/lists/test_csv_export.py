"""Lists as CSV, in the API and by the links of the pages."""

import csv
import io

import pytest

from mlplatform.lists import csv_export
from registry.models import ModelVersion, TrainingGroup, Trial
from tests.registry.test_list_queries import make_copies

LISTS = [
    "/datasets", "/datasets/flowers/versions", "/datasets/flowers/columns", "/models",
    "/models/flowers/1/evaluations", "/jobs", "/groups", "/releases", "/imports", "/predict/jobs",
]  # fmt: skip


GROUP = 7


@pytest.fixture
def group(make_version):
    """A group with three trials, of which the second is the best and has become a version."""
    version = make_version()
    found = TrainingGroup.objects.create(
        pk=GROUP, job=version.job, kind="models", algorithm="", metric="accuracy", keep="best"
    )
    for number, mean in enumerate((0.5, 0.9, 0.7), 1):
        Trial.objects.create(
            group=found, number=number, algorithm="GaussianNB", params={"priors": None}, state="complete",
            mean=mean, fold_scores=[mean], model_version=version if number == 2 else None,
        )  # fmt: skip
    return found


def rows(response) -> list[dict]:
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("path", LISTS)
def test_every_list_is_csv_with_the_fields_of_its_json(make_version, api, path):
    make_version()
    response = api.get(f"{path}?export=csv")
    assert (
        response["Content-Disposition"] == f'attachment; filename="{path.strip("/").replace("/", "-")}.csv"'
    )
    found, listed = rows(response), api.get(path).json()["results"]
    assert len(found) == len(listed)
    for row, one in zip(found, listed, strict=True):
        assert row.keys() >= one.keys() - {"metrics", "intervals"}


def test_a_csv_of_models_has_a_column_for_each_metric_and_its_interval(make_version, api):
    version = make_version()
    [row] = rows(api.get("/models?export=csv"))
    low, high = version.metrics["intervals"]["accuracy"]
    assert [float(row[name]) for name in ("accuracy", "accuracy_low", "accuracy_high")] == [
        version.metrics["accuracy"], low, high,
    ]  # fmt: skip
    assert (row["live_in"], row["r2"], row["refit"]) == ("dev", "", "false")


def test_a_csv_has_the_filters_and_the_order_of_the_list(make_version, make_dataset, api):
    source = make_dataset()
    for _ in range(3):
        make_version(source)
    make_version(make_dataset("roses"))
    found = rows(api.get("/models?export=csv&dataset=flowers&ordering=version"))
    assert [row["version"] for row in found] == ["1", "2", "3"]
    assert rows(api.get("/models?export=csv&dataset=nothing")) == []


def test_the_trials_of_a_group_are_a_list_the_best_first(group, api):
    assert [row["number"] for row in rows(api.get(f"/groups/{GROUP}/trials?export=csv"))] == ["2", "3", "1"]
    body = api.get(f"/groups/{GROUP}/trials?page_size=2&page=2").json()
    assert (body["count"], [one["number"] for one in body["results"]]) == (3, [1])
    assert api.get("/groups/9/trials").status_code == 404


def test_the_columns_of_a_dataset_are_a_list_in_any_order(make_dataset, api):
    make_dataset()
    found = rows(api.get("/datasets/flowers/columns?ordering=-name&export=csv"))
    assert [row["name"] for row in found] == ["width", "species", "length", "colour"]
    assert found[0]["type"] == "number" and float(found[0]["mean"]) > 0
    for query in ("ordering=size", "version=9", "version=x", "orderin=name"):
        assert api.get(f"/datasets/flowers/columns?{query}").status_code in {400, 404}


def test_releases_are_filtered_by_whether_they_are_live(make_version, make_dataset, api):
    source = make_dataset()
    for _ in range(2):
        make_version(source)
    assert [row["version"] for row in api.get("/releases?live=true&q=LOW").json()["results"]] == [2]
    assert [row["version"] for row in api.get("/releases?live=false").json()["results"]] == [1]
    assert api.get("/releases?live=true&q=x").json()["count"] == 0


def test_a_csv_takes_the_same_queries_for_more_rows(make_version, api, django_assert_num_queries):
    version = make_version()
    make_copies(version, 2, 61)
    with django_assert_num_queries(5):
        assert len(rows(api.get("/models?export=csv"))) == 60


def test_more_rows_than_are_read_at_once_come_in_order_without_gaps(make_version, monkeypatch):
    make_copies(make_version(), 2, 8)
    monkeypatch.setattr(csv_export, "CHUNK", 3)
    chunks = csv_export.chunks(ModelVersion.objects.order_by("number"))
    assert [[one.number for one in chunk] for chunk in chunks] == [[1, 2, 3], [4, 5, 6], [7]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"), ("@sum", "'@sum"), ("-x", "'-x"), ("\tx", "'\tx"), (-1.5, "-1.5"), ("+1e5", "+1e5"),
        ("\n=1", "'\n=1"), ("＝1+1", "'＝1+1"), (None, ""), (True, "true"), (["=a", "b"], "'=a, b"),
        ([], ""), ({"a": 1}, '{"a": 1}'), ([{"a": 1}], '[{"a": 1}]'),
    ],
)  # fmt: skip
def test_a_cell_is_text_that_a_spreadsheet_does_not_run(value, text):
    assert csv_export.cell(value) == text


@pytest.mark.parametrize(
    "query", ["export=xlsx", "export=", "export=csv&page=2", "export=csv&page_size=5", "export=csv&q=1&x=2"]
)
def test_an_export_that_the_list_does_not_have_is_rejected(api, query):
    assert api.get(f"/models?{query}").status_code == 400


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/registry/models/?dataset=flowers&page=1", "/models?dataset=flowers&amp;export=csv"),
        ("/registry/models/?dataset=flowers&target=species",
         "/models?dataset=flowers&amp;target=species&amp;ordering=-accuracy&amp;task=classification&amp;export=csv"),
        ("/catalog/", "/datasets?export=csv"),
        ("/registry/jobs/?dataset=flowers", "/jobs?dataset=flowers&amp;export=csv"),
        ("/registry/releases/", "/releases?export=csv"),
        ("/registry/releases/?live=true", "/releases?live=true&amp;export=csv"),
        ("/registry/groups/", "/groups?export=csv"),
        ("/serving/?q=flow", "/releases?live=true&amp;q=flow&amp;export=csv"),
        ("/serving/flowers/dev/", "/releases?dataset=flowers&amp;environment=dev&amp;export=csv"),
        ("/catalog/flowers/", "/datasets/flowers/versions?export=csv"),
        ("/catalog/flowers/?ordering=-missing",
         "/datasets/flowers/columns?version=1&amp;ordering=-missing&amp;export=csv"),
        (f"/registry/groups/{GROUP}/", f"/groups/{GROUP}/trials?export=csv"),
    ],
)  # fmt: skip
def test_a_page_links_to_its_list_as_csv_with_the_same_filters(make_version, group, page, path, link):
    assert f'href="{link}" download' in page.get(path).text
    assert page.get(link.replace("&amp;", "&")).status_code == 200
