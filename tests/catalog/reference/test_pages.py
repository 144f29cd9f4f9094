"""The pages of files by reference."""

import pytest

from catalog.models import ImportJob
from catalog.reference import submission


def fields(lake, **others):
    return {"uri": f"file://{lake}/*.csv", "name": "sales", "description": "Of the shop."} | others


def test_the_form_registers_files_and_leads_to_the_dataset(page, lake, csv_files):
    assert b"Addresses start with" in page.get("/catalog/register/").content
    response = page.post("/catalog/register/", fields(lake), follow=True)
    assert response.redirect_chain[-1][0] == f"/catalog/upload/imports/{ImportJob.objects.get().pk}/"
    dataset = page.get("/catalog/sales/").content.decode()
    assert f"file://{lake}/*.csv" in dataset
    assert "Registered by reference" in dataset and "Register again" in dataset
    assert "As stored" not in dataset and "Read differently" not in dataset


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"uri": "s3://lake/a.csv"}, "start with `file://`"),
        ({"uri": "file:///etc/*.conf"}, "is not below what can be registered"),
        ({"uri": ""}, "required"),
        ({"name": "Upload"}, "reserved name"),
    ],
)
def test_what_is_wrong_stands_at_its_field(page, lake, csv_files, changed, sentence):
    response = page.post("/catalog/register/", fields(lake, **changed))
    assert response.status_code == 422
    field = next(iter(changed))
    assert sentence in response.context["form"].errors[field][0]


def test_without_prefixes_the_page_says_that_registering_is_off(page, settings):
    settings.REGISTER_PREFIXES = []
    response = page.get("/catalog/register/").content.decode()
    assert "Registering is off" in response and 'name="uri"' not in response


def test_the_form_has_the_address_of_a_dataset_or_of_a_failed_job(
    page, registered, register, put, lake, csv_files
):
    registered()
    form = page.get("/catalog/register/", {"edit": "sales"}).context["form"]
    assert form.initial == {"uri": f"file://{lake}/*.csv", "name": "sales", "new_version": True}
    put("c.csv", "other\n1\n")
    job = register(new_version=True)
    assert b"Edit the address" in page.get(f"/catalog/upload/imports/{job.pk}/").content
    assert (
        page.get("/catalog/register/", {"job": job.pk}).context["form"].initial["uri"]
        == f"file://{lake}/*.csv"
    )


def test_registering_again_leads_to_the_job_or_says_that_nothing_has_changed(
    page, registered, put, csv_files
):
    version = registered()
    response = page.post("/catalog/sales/register/", follow=True)
    assert b"The same files are version 1 of sales." in response.content
    put("c.csv", "id,price,city\n5,1,Thun\n")
    page.post("/catalog/sales/register/")
    assert submission.latest_of(version.dataset).number == 2
    assert "version 2 was added" in page.get("/catalog/sales/").text


def test_the_search_finds_a_dataset_by_its_address(api, registered, csv_files, lake):
    registered()
    found = api.get("/search", {"q": lake.parent.name}).json()
    assert "sales" in str(found)


def test_viewers_see_no_form(sign_in, registered, csv_files):
    registered()
    client = sign_in("viewer")
    assert client.get("/catalog/register/").status_code == 403
    assert b"Register again" not in client.get("/catalog/sales/").content
