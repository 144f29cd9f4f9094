"""The pages of the catalog."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Dataset, DatasetVersion
from tests.conftest import FLOWERS

WIDE_COLUMNS = ("recipe", "profile", "preview")


def test_an_anonymous_visitor_is_redirected_to_sign_in(client, db):
    assert client.get("/catalog/")["Location"] == "/accounts/login/?next=/catalog/"


def test_an_empty_catalog_offers_an_upload_and_the_examples(page):
    text = page.get("/catalog/").text
    assert "No datasets yet" in text
    assert "Upload a dataset" in text
    assert "Iris flowers" in text


def test_the_upload_page_links_to_the_examples(page):
    assert 'href="/catalog/#examples"' in page.get("/catalog/upload/").text
    assert 'id="examples"' in page.get("/catalog/").text


def test_the_list_and_the_filter_name_a_format_alike(page, make_dataset):
    make_dataset()
    text = page.get("/catalog/").text
    assert '<option value="csv">CSV</option>' in text
    assert ">CSV</td>" in text


def test_an_example_that_was_added_is_not_offered_again(page):
    assert page.post("/catalog/add-example/", {"name": "iris"})["Location"] == "/catalog/iris/"
    text = page.get("/catalog/").text
    assert 'name="name" value="iris"' not in text
    assert 'value="wine"' in text


def test_an_unknown_example_is_404(page):
    assert page.post("/catalog/add-example/", {"name": "../etc"}).status_code == 404


def test_a_dataset_page_shows_columns_rows_and_versions(page, make_dataset):
    make_dataset(description="Spring")
    make_dataset(content=FLOWERS + "1,2,red,rose\n", new_version=True)
    text = page.get("/catalog/flowers/").text
    for text_part in ("Spring", "colour", "tulip", "First 20 rows", "Version 2", "Version 1"):
        assert text_part in text
    assert 'href="/datasets/flowers/file?version=2"' in text
    assert "You are viewing" not in text


def test_the_page_of_an_older_version_links_to_the_latest(page, make_dataset):
    make_dataset()
    make_dataset(content=FLOWERS + "1,2,red,rose\n", new_version=True)
    text = page.get("/catalog/flowers/?version=1").text
    assert "You are viewing version 1" in text
    assert page.get("/catalog/flowers/?version=9").status_code == 404


def test_a_dataset_is_found_by_any_spelling_of_its_name(page, make_dataset):
    make_dataset()
    assert page.get("/catalog/Flowers/").status_code == 200


def test_markup_in_a_file_is_escaped(page, make_dataset):
    make_dataset(content="<script>alert(1)</script>,b\n<b>x</b>,1\n<i>y</i>,2\n")
    text = page.get("/catalog/flowers/").text
    assert "<script>alert" not in text
    assert "<b>x" not in text


def test_a_wide_table_shows_its_first_hundred_columns(page, make_dataset):
    names = [f"c{number}" for number in range(300)]
    make_dataset(content=",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    text = page.get("/catalog/flowers/").text
    assert "c99<" in text
    assert "c100<" not in text
    assert "Showing the first 100 of 300 columns" in text
    assert "1–50 of 300 columns" in text


def test_a_viewer_can_read_only_and_sees_no_other_actions(sign_in, make_dataset):
    make_dataset()
    viewer = sign_in("viewer")
    for path in ("/catalog/", "/catalog/flowers/"):
        text = viewer.get(path).text
        assert "/catalog/upload/" not in text
        assert "/registry/train/" not in text
        assert "delete" not in text
    assert viewer.post("/catalog/add-example/", {"name": "iris"}).status_code == 403


def test_a_data_scientist_cannot_delete_a_dataset(sign_in, make_dataset):
    make_dataset()
    scientist = sign_in("data scientist")
    assert "/delete/" not in scientist.get("/catalog/flowers/").text
    assert scientist.post("/catalog/flowers/delete/").status_code == 403
    assert Dataset.objects.exists()


def test_deleting_a_dataset_requires_confirmation(page, make_dataset):
    make_dataset()
    assert "This cannot be undone." in page.get("/catalog/flowers/delete/").text
    assert Dataset.objects.exists()
    assert page.post("/catalog/flowers/delete/")["Location"] == "/catalog/"
    assert not Dataset.objects.exists()


def test_the_list_of_datasets_is_filtered_and_sorted(page, make_dataset):
    make_dataset("small")
    make_dataset("large", FLOWERS + "1,2,red,rose\n")
    names = [version.dataset.name for version in page.get("/catalog/?ordering=-rows").context["page"]]
    assert names == ["large", "small"]
    assert [version.dataset.name for version in page.get("/catalog/?q=SMA").context["page"]] == ["small"]
    assert "No matching datasets" in page.get("/catalog/?q=nothing").text


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


def test_the_list_of_datasets_has_a_constant_number_of_queries_without_large_columns(
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
        response = page.get("/catalog/")
    assert "1–25 of 30 datasets" in response.text
    assert len(response.context["page"]) == 25
    read = [query["sql"] for query in many.captured_queries]
    assert not [sql for sql in read if any(f'version"."{column}"' in sql for column in WIDE_COLUMNS)]
