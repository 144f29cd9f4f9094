"""The catalog's pages: what they show, to whom, and what they refuse."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Dataset, DatasetVersion
from tests.conftest import FLOWERS

WIDE_COLUMNS = ("recipe", "profile", "preview")


def send(client, content=FLOWERS, filename="My Flowers.csv", **fields):
    file = SimpleUploadedFile(filename, content.encode())
    return client.post("/catalog/upload/", {"file": file, **fields})


@pytest.fixture
def sign_in(client, make_user):
    def as_(role):
        client.force_login(make_user(role))
        return client

    return as_


def test_an_anonymous_visitor_is_sent_to_sign_in(client, db):
    assert client.get("/catalog/")["Location"] == "/accounts/login/?next=/catalog/"


def test_an_empty_catalog_offers_an_upload_and_the_examples(page):
    text = page.get("/catalog/").text
    assert "No datasets yet" in text
    assert "Upload a dataset" in text
    assert "Iris flowers" in text


def test_an_example_that_is_in_the_catalog_is_not_offered_again(page):
    assert page.post("/catalog/add-example/", {"name": "iris"})["Location"] == "/catalog/iris/"
    text = page.get("/catalog/").text
    assert 'value="iris"' not in text
    assert 'value="wine"' in text


def test_only_the_named_examples_can_be_added(page):
    assert page.post("/catalog/add-example/", {"name": "../etc"}).status_code == 404


def test_an_upload_leads_to_the_dataset(page):
    answer = send(page, description="Spring")
    assert answer["Location"] == "/catalog/my_flowers/"
    text = page.get("/catalog/my_flowers/").text
    assert "Version 1 of my_flowers is in the catalog." in text
    assert "Spring" in text


def test_a_refused_upload_keeps_what_was_typed(page):
    answer = send(page, "a,b\n1,2\n1,2,3\n", name="Kept Name", description="kept words")
    assert answer.status_code == 422
    assert "Line 3 has 3 cells" in answer.text
    assert 'value="Kept Name"' in answer.text
    assert "kept words" in answer.text


def test_an_upload_without_a_file_says_so_at_the_field(page):
    answer = page.post("/catalog/upload/", {"name": "flowers"})
    assert answer.status_code == 422
    assert answer.context["form"].errors["file"] == ["This field is required."]


def test_add_a_version_fills_in_the_name_and_ticks_the_box(page, make_dataset):
    make_dataset()
    text = page.get("/catalog/upload/?name=flowers").text
    assert 'value="flowers"' in text
    assert "checked" in text
    send(page, FLOWERS + "1,2,red,rose\n", name="flowers", new_version="on")
    assert Dataset.objects.get().version().number == 2


def test_a_dataset_shows_its_columns_its_rows_and_its_versions(page, make_dataset):
    make_dataset(description="Spring")
    make_dataset(content=FLOWERS + "1,2,red,rose\n", new_version=True)
    text = page.get("/catalog/flowers/").text
    for wanted in ("Spring", "colour", "tulip", "First 20 rows", "Version 2", "Version 1"):
        assert wanted in text
    assert 'href="/datasets/flowers/file?version=2"' in text
    assert "The newest is" not in text


def test_an_older_version_says_that_it_is(page, make_dataset):
    make_dataset()
    make_dataset(content=FLOWERS + "1,2,red,rose\n", new_version=True)
    text = page.get("/catalog/flowers/?version=1").text
    assert "You look at version 1" in text
    assert page.get("/catalog/flowers/?version=9").status_code == 404


def test_a_name_is_found_as_a_person_writes_it(page, make_dataset):
    make_dataset()
    assert page.get("/catalog/Flowers/").status_code == 200


def test_markup_in_a_file_stays_text(page, make_dataset):
    make_dataset(content="<script>alert(1)</script>,b\n<b>x</b>,1\n<i>y</i>,2\n")
    text = page.get("/catalog/flowers/").text
    assert "<script>alert" not in text
    assert "<b>x" not in text


def test_of_a_wide_table_the_first_columns_are_shown(page, make_dataset):
    names = [f"c{number}" for number in range(5_000)]
    make_dataset(content=",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    text = page.get("/catalog/flowers/").text
    assert "c99<" in text
    assert "c100<" not in text
    assert "The first 100 of 5\u202f000 columns" in text


def test_a_viewer_reads_and_is_offered_nothing_else(sign_in, make_dataset):
    make_dataset()
    viewer = sign_in("viewer")
    for path in ("/catalog/", "/catalog/flowers/"):
        text = viewer.get(path).text
        assert "/catalog/upload/" not in text
        assert "/registry/train/" not in text
        assert "delete" not in text
    assert viewer.get("/catalog/upload/").status_code == 403
    assert send(viewer).status_code == 403
    assert viewer.post("/catalog/add-example/", {"name": "iris"}).status_code == 403


def test_a_data_scientist_does_not_delete(sign_in, make_dataset):
    make_dataset()
    scientist = sign_in("data scientist")
    assert "/delete/" not in scientist.get("/catalog/flowers/").text
    assert scientist.post("/catalog/flowers/delete/").status_code == 403
    assert Dataset.objects.exists()


def test_deleting_asks_first(page, make_dataset):
    make_dataset()
    assert "This cannot be undone." in page.get("/catalog/flowers/delete/").text
    assert Dataset.objects.exists()
    assert page.post("/catalog/flowers/delete/")["Location"] == "/catalog/"
    assert not Dataset.objects.exists()


def test_the_list_filters_and_sorts(page, make_dataset):
    make_dataset("small")
    make_dataset("large", FLOWERS + "1,2,red,rose\n")
    names = [version.dataset.name for version in page.get("/catalog/?ordering=-rows").context["page"]]
    assert names == ["large", "small"]
    assert [version.dataset.name for version in page.get("/catalog/?q=SMA").context["page"]] == ["small"]
    assert "No dataset matches" in page.get("/catalog/?q=nothing").text


def crowd(version, count):
    """Copies of one dataset under other names."""
    for number in range(count):
        dataset = Dataset.objects.create(name=f"copy_{count}_{number}", created_by=version.created_by)
        fields = {
            field.name: getattr(version, field.name)
            for field in DatasetVersion._meta.concrete_fields
            if field.name not in {"id", "dataset"}
        }
        DatasetVersion.objects.create(dataset=dataset, **fields)


def test_a_longer_list_costs_no_further_query_and_no_wide_column(
    page, make_dataset, django_assert_max_num_queries
):
    version = make_dataset()
    crowd(version, 2)
    with CaptureQueriesContext(
        connection,
    ) as few:
        page.get("/catalog/")
    crowd(version, 27)
    with django_assert_max_num_queries(len(few)) as many:
        assert len(page.get("/catalog/").context["page"]) == 30
    read = [query["sql"] for query in many.captured_queries]
    assert not [sql for sql in read if any(f'version"."{column}"' in sql for column in WIDE_COLUMNS)]
