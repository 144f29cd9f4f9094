"""Filters that a user saves under a name on the lists of datasets, models and jobs."""

import pytest

from mlplatform.lists.models import SavedFilter


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/catalog/", "tag=iris&q=&page=1"),
        ("/registry/models/", "q=iris&ordering="),
        ("/registry/jobs/", "dataset=iris&state=&page=1"),
    ],
)
def test_a_filter_is_saved_without_what_is_empty_and_listed_as_a_link(page, make_version, path, query):
    make_version()
    response = page.post(f"{path}?{query}", {"filter_name": " mine "})
    saved = SavedFilter.objects.get()
    assert (saved.name, saved.query) == ("mine", query.partition("&")[0])
    assert response["Location"] == f"{path}?{saved.query}"
    assert f'<a class="tag" href="?{saved.query}">mine</a>' in page.get(path).text


def test_the_same_name_replaces_a_filter(page, db):
    for query, done in (("q=a", "saved"), ("q=b", "replaced")):
        response = page.post(f"/registry/models/?{query}", {"filter_name": "mine"}, follow=True)
        assert f"The filter mine was {done}." in response.text
    assert SavedFilter.objects.get().query == "q=b"


def test_a_saved_filter_is_seen_and_deleted_by_its_user_only(page, make_user, make_version):
    make_version()
    page.post("/registry/models/?q=a", {"filter_name": "mine"})
    number = SavedFilter.objects.get().pk
    page.force_login(make_user("viewer"))
    assert ">mine</a>" not in page.get("/registry/models/").text
    page.post("/registry/models/", {"delete_filter": number})
    page.force_login(make_user("administrator", username="other"))
    assert SavedFilter.objects.count() == 1


def test_a_saved_filter_is_deleted(page, db):
    page.post("/registry/models/?q=a", {"filter_name": "mine"})
    page.post("/registry/models/?q=a", {"delete_filter": SavedFilter.objects.get().pk})
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    ("query", "name", "sentence"),
    [
        ("", "mine", "Filter or sort the list first."),
        ("?q=a", "  ", "Enter a name for the filter."),
        ("?q=a", "x" * 101, "A name has at most 100 characters"),
        ("?q=" + "a" * 2000, "mine", "the filters 2,000"),
    ],
)
def test_what_cannot_be_saved_is_said(page, make_version, query, name, sentence):
    make_version()
    response = page.post(f"/registry/models/{query}", {"filter_name": name}, follow=True)
    assert sentence in response.text
    assert not SavedFilter.objects.exists()


def test_an_unknown_filter_or_field_is_not_saved(page, db):
    assert page.post("/registry/models/?colour=red", {"filter_name": "mine"}).status_code == 400
    assert page.post("/registry/models/?q=a", {"filter": "mine"}).status_code == 400
