"""The pages of queries: write one with a preview, run it, see what it made, and run it again."""

import html

import pytest

from catalog.derivation.inputs import written
from catalog.derivation.models import Derivation
from catalog.models import Dataset, ImportJob
from tests.catalog.derivation.conftest import MASSES

HTMX = {"HX-Request": "true"}


def text_of(response) -> str:
    return html.unescape(response.text)


@pytest.fixture
def masses(page, penguins):
    """A dataset that was derived on the page."""
    response = page.post("/catalog/derive/", {"sql": MASSES, "name": "masses", "on_new_version": "on"})
    assert response.url == f"/catalog/upload/imports/{ImportJob.objects.get().pk}/"
    return Dataset.objects.get(name="masses")


def test_a_query_becomes_a_dataset_whose_page_has_the_query_and_what_it_read(page, masses):
    text = text_of(page.get("/catalog/masses/"))
    assert "FROM penguins GROUP BY species" in text
    assert 'href="/catalog/penguins/?version=1">penguins version 1</a>' in text
    assert "by itself, when an input gets a new version" in text
    job = text_of(page.get(f"/catalog/upload/imports/{ImportJob.objects.get().pk}/"))
    assert "The result of a query" in job


def test_the_page_of_an_input_lists_what_was_made_from_it(page, masses):
    lineage = page.get("/catalog/penguins/").text.partition('id="lineage"')[2]
    assert 'href="/catalog/masses/?version=1">masses</a>' in lineage


def test_the_form_begins_with_the_first_rows_of_a_dataset_or_with_a_query_that_exists(page, masses):
    assert "FROM penguins\nLIMIT 100" in text_of(page.get("/catalog/derive/?dataset=penguins"))
    assert written("penguins") == "penguins"
    assert [written("order"), written("2024_sales")] == ['"order"', '"2024_sales"']
    for query in ("edit=masses", f"job={ImportJob.objects.get().pk}"):
        form = page.get(f"/catalog/derive/?{query}").context["form"]
        assert (form["sql"].value(), form["name"].value()) == (MASSES, "masses")
    assert '<li class="mono break">island</li>' in page.get("/catalog/derive/").text


def test_the_preview_is_a_part_for_htmx_and_a_page_without(page, penguins):
    fields = {"sql": MASSES, "name": ""}
    part = page.post("/catalog/derive/preview/", fields, headers=HTMX)
    assert "First 3 rows" in part.text
    assert "<h1>" not in part.text
    whole = page.post("/catalog/derive/preview/", fields)
    assert (whole.status_code, "First 3 rows" in whole.text) == (200, True)
    assert MASSES in text_of(whole)
    assert "optional" not in whole.text
    assert not Derivation.objects.exists()


def test_the_preview_says_what_is_wrong(page, penguins):
    part = page.post("/catalog/derive/preview/", {"sql": "SELECT mas FROM penguins"}, headers=HTMX)
    assert "Line 1: no column is named <code>mas</code>. Did you mean <code>mass</code>" in part.text
    empty = page.post("/catalog/derive/preview/", {"sql": " "}, headers=HTMX)
    assert "Enter a SELECT statement." in empty.text
    assert page.get("/catalog/derive/preview/").status_code == 405


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sql": "SELECT * FROM penguin"}, "sql"),
        ({"sql": ""}, "sql"),
        ({"name": ""}, "name"),
        ({"name": "penguins"}, "name"),
        ({"name": "derive"}, "name"),
        ({"sql": 'SELECT * FROM "penguins@1"', "on_new_version": "on"}, "on_new_version"),
    ],
)
def test_a_mistake_is_said_at_its_field_and_nothing_is_lost(page, penguins, fields, field):
    response = page.post("/catalog/derive/", {"sql": MASSES, "name": "masses"} | fields)
    form = response.context["form"]
    assert (response.status_code, list(form.errors)) == (422, [field])
    assert form["sql"].value() == fields.get("sql", MASSES)


def test_page_and_api_refuse_a_query_with_the_same_sentence(page, api, penguins):
    body = {"sql": "SELECT * FROM penguin", "name": "masses"}
    by_page = page.post("/catalog/derive/", body).context["form"].errors["sql"]
    assert by_page == api.post("/datasets/derive", body).json()["fields"]["sql"]


def test_run_again_and_its_switch(page, masses, more_penguins):
    again = page.post("/catalog/masses/derive/", follow=True)
    assert "The same query over the same versions is version 1 of masses." in text_of(again)
    page.post("/catalog/masses/derive/", {"on_new_version": "no"})
    assert not Derivation.objects.get().on_new_version
    more_penguins()
    page.post("/catalog/masses/derive/")
    assert masses.versions.count() == 2
    assert "is not the result of a query" in text_of(page.post("/catalog/penguins/derive/", follow=True))


def test_a_query_that_fails_can_be_edited(page, penguins):
    sql = "SELECT species::INTEGER AS a FROM penguins"
    job = text_of(page.post("/catalog/derive/", {"sql": sql, "name": "a"}, follow=True))
    assert "Could not convert string" in job
    assert f"/catalog/derive/?job={ImportJob.objects.get().pk}" in job


def test_a_viewer_sees_the_query_without_its_buttons(client, masses, make_user):
    client.force_login(make_user("viewer"))
    text = client.get("/catalog/masses/").text
    assert "FROM penguins GROUP BY species" in text
    assert "Run again" not in text
    assert client.get("/catalog/derive/").status_code == 403
    assert client.post("/catalog/derive/preview/", {"sql": MASSES}).status_code == 403


def test_the_search_finds_a_dataset_by_its_query_and_the_admin_lists_it(page, masses, api, admin):
    found = api.get("/search", {"q": "penguins", "kind": "dataset"}).json()["groups"][0]["results"]
    assert [one["name"] for one in found] == ["penguins", "masses"]
    admin.is_superuser = admin.is_staff = True
    admin.save()
    page.force_login(admin)
    assert "masses version 1" in page.get("/admin/catalog/derivation/").text
    assert "penguins@1" in page.get(f"/admin/catalog/derivation/{Derivation.objects.get().pk}/change/").text
