"""What was made from the versions of a dataset: on its page, and by the filters of the lists in the API."""

import io
import re

import pytest

from serving.batch import service
from tests.conftest import FLOWERS
from tests.registry.test_list_queries import make_copies

TABLE = b"length,width,colour\n5,1.5,red\n"


@pytest.fixture
def two_versions(make_dataset, make_version):
    """A model trained on each of two versions of a dataset."""
    first = make_version(make_dataset())
    return first, make_version(make_dataset(content=FLOWERS + "5,1.5,red,tulip\n", new_version=True))


def lineage(page) -> list[list[str]]:
    """The cells of the lineage on the page of a dataset."""
    section = page.get("/catalog/flowers/").text.partition('<h2 id="lineage">')[2].partition("</section>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", section.partition("<tbody>")[2], re.DOTALL)
    cells = [re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub("<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


def test_the_page_lists_the_models_and_scoring_jobs_of_each_version(page, two_versions, admin):
    version = two_versions[1]
    job = service.score(
        version.dataset, stage="dev", file=io.BytesIO(TABLE), filename="new.csv", by=admin, as_job=True
    )
    assert lineage(page) == [
        [
            "Version 2",
            "–",
            "version 2 DecisionTreeClassifier, live in dev",
            f"job {job.pk} new.csv by version 2, succeeded",
        ],
        ["Version 1", "–", "version 1 DecisionTreeClassifier", "–"],
    ]
    text = page.get("/catalog/flowers/").text
    for link in ("/registry/models/flowers/1/", f"/serving/jobs/{job.pk}/", "?version=1"):
        assert f'{link}"' in text


def test_a_model_and_a_scoring_job_lead_back_to_the_dataset_version(page, two_versions):
    assert 'href="/catalog/flowers/?version=2"' in page.get("/registry/models/flowers/2/").text


def test_a_dataset_without_models_says_so(page, make_dataset):
    make_dataset()
    assert "No model was trained on this dataset yet." in page.get("/catalog/flowers/").text


def test_the_page_shows_five_of_many_in_a_constant_number_of_queries(
    page, make_version, django_assert_max_num_queries
):
    version = make_version()
    with django_assert_max_num_queries(24) as few:
        page.get("/catalog/flowers/")
    make_copies(version, 2, 40)
    with django_assert_max_num_queries(len(few)):
        [[_, _, models, _]] = lineage(page)
    assert models.count("DecisionTree") == 5
    assert models.endswith("and 34 more")


def test_lists_are_filtered_by_the_dataset_version(page, api, two_versions, admin):
    version = two_versions[1]
    service.score(
        version.dataset, stage="dev", file=io.BytesIO(TABLE), filename="new.csv", by=admin, as_job=True
    )
    query = "dataset=flowers&dataset_version"
    for number in (1, 2):
        assert [row["version"] for row in api.get(f"/models?{query}={number}").json()["results"]] == [number]
        assert api.get(f"/predict/jobs?{query}={number}").json()["count"] == number - 1
    assert "1–1 of 1 model version" in page.get(f"/registry/models/?{query}=1").text
    assert "No matching scoring jobs" in page.get(f"/serving/jobs/?{query}=1").text


@pytest.mark.parametrize("value", ["x", "1.0", "0", "-1", "99999999999", "1e5", "²"])
@pytest.mark.parametrize("path", ["/models", "/predict/jobs"])
def test_what_is_no_version_is_400(api, path, value):
    response = api.get(path, {"dataset_version": value})
    assert response.status_code == 400
    assert "ust be a" in response.json()["fields"]["dataset_version"][0]


def test_the_page_of_a_column_lists_the_models_that_use_or_predict_it(page, make_dataset, make_version):
    rows = "".join(f"{1 + i % 5},{i},{'yes' if i % 5 > 2 else 'no'}\n" for i in range(30))
    source = make_dataset("houses", f'"größe ""m""",size,sold\n{rows}')
    names = [column["name"] for column in source.columns]
    make_version(source, target="sold", features=names[:1])
    make_version(source, target="sold", features=names[1:2])

    def users(name):
        links = page.get("/catalog/houses/column/", {"name": name}).context["users"]
        return [(link.name, link.note) for link in links]

    assert users(names[0]) == [("version 1", "DecisionTreeClassifier")]
    assert users("size") == [("version 2", "DecisionTreeClassifier, live in dev")]
    assert [note for _, note in users("sold")] == [
        "DecisionTreeClassifier, predicts it, live in dev", "DecisionTreeClassifier, predicts it",
    ]  # fmt: skip
    assert "Used by" in page.get("/catalog/houses/?column=size").text
