"""The description and the tags of a dataset, by page and by API."""

import pytest

from catalog.models import Dataset
from mlplatform.metadata.models import Tag
from tests.test_parity import sentence_of, text_of


def test_the_api_changes_only_the_fields_that_are_sent(api, make_dataset):
    make_dataset(description="old")
    body = api.patch("/datasets/flowers", {"tags": ["Garden", "2026 Q3"]}).json()
    assert (body["description"], body["tags"], body["version"]) == ("old", ["2026 q3", "garden"], 1)
    body = api.patch("/datasets/flowers", {"description": "**new**\r\n"}).json()
    assert (body["description"], body["tags"]) == ("**new**", ["2026 q3", "garden"])
    body = api.patch("/datasets/flowers", {"description": "", "tags": []}).json()
    assert (body["description"], body["tags"]) == ("", [])


def test_the_page_changes_both(page, make_dataset):
    make_dataset(description="old")
    response = page.post(
        "/catalog/flowers/edit/", {"description": "# *New*", "tags": "garden, spring"}, follow=True
    )
    assert response.redirect_chain == [("/catalog/flowers/", 302)]
    assert "<h3><em>New</em></h3>" in response.text
    assert 'href="/catalog/?tag=garden"' in response.text
    assert 'value="garden, spring"' in page.get("/catalog/flowers/edit/").text


def test_lists_show_the_first_line_of_a_description_as_plain_text(page, make_dataset):
    make_dataset(description="# The `garden` <b>\n\n- more")
    for path in ("/", "/catalog/"):
        text = page.get(path).text
        assert "The garden &lt;b&gt;" in text
        assert "more</" not in text


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({"tags": "a, #b"}, {"tags": ["a", "#b"]}),
        ({"tags": ",".join(map(str, range(21)))}, {"tags": [str(n) for n in range(21)]}),
        ({"description": "x" * 10_001}, {"description": "x" * 10_001}),
        ({"description": "a\x00"}, {"description": "a\x00"}),
        ({"tag": "a"}, {"tag": "a"}),
    ],
)
def test_page_and_api_reject_the_same_with_the_same_sentence(page, api, make_dataset, form, body):
    make_dataset(description="old")
    by_page, by_api = page.post("/catalog/flowers/edit/", form), api.patch("/datasets/flowers", body)
    assert (by_page.status_code, by_api.status_code) == (422, 400)
    assert sentence_of(by_api) in text_of(by_page)
    assert (Dataset.objects.get().description, Tag.objects.count()) == ("old", 0)


def test_editing_requires_the_role_that_uploads(sign_in, client, make_dataset):
    make_dataset()
    viewer = sign_in("viewer")
    assert 'href="/catalog/flowers/edit/"' not in viewer.get("/catalog/flowers/").text
    for response in (
        viewer.get("/catalog/flowers/edit/"),
        viewer.post("/catalog/flowers/edit/", {"description": "x"}),
        viewer.patch("/datasets/flowers", {"description": "x"}, content_type="application/json"),
    ):
        assert response.status_code == 403
        assert "You don" in response.text and "to upload or edit datasets" in response.text
    scientist = sign_in("data scientist")
    assert scientist.post("/catalog/flowers/edit/", {"description": "x"}).status_code == 302


def test_a_missing_dataset_is_404_by_page_and_api(page, api):
    assert page.get("/catalog/nothing/edit/").status_code == 404
    assert api.patch("/datasets/nothing", {}).status_code == 404


def test_datasets_are_filtered_by_tag_by_page_and_api(page, api, make_dataset):
    for name in ("first", "second"):
        make_dataset(name)
        api.patch(f"/datasets/{name}", {"tags": [name, "both"]})
    assert [row["name"] for row in api.get("/datasets?tag=Second").json()["results"]] == ["second"]
    assert [row["tags"] for row in api.get("/datasets?tag=both").json()["results"]] == [
        ["both", "first"],
        ["both", "second"],
    ]
    assert api.get("/datasets?tag=bo").json()["count"] == 0
    text = page.get("/catalog/?tag=first").text
    assert 'href="/catalog/first/"' in text
    assert 'href="/catalog/second/"' not in text


def test_the_list_takes_the_same_queries_for_more_tags(api, make_dataset, django_assert_max_num_queries):
    for name in ("first", "second", "third"):
        make_dataset(name)
        api.patch(f"/datasets/{name}", {"tags": [name, "both"]})
    with django_assert_max_num_queries(3):
        assert len(api.get("/datasets").json()["results"]) == 3


def test_datasets_are_filtered_by_who_uploaded_them_and_when(page, api, make_dataset, make_user):
    make_dataset("first")
    make_dataset("second", by=make_user("data scientist", username="bob"))
    Dataset.objects.get(name="first").versions.update(created_at="2025-06-30T23:59:59Z")
    for query, name in (
        ("created_by=bob", "second"),
        ("created_before=2025-06-30", "first"),
        ("created_after=2025-07-01", "second"),
        ("created_after=2025-06-30&created_before=2025-06-30", "first"),
    ):
        assert [row["name"] for row in api.get(f"/datasets?{query}").json()["results"]] == [name]
        assert f'href="/catalog/{name}/"' in page.get(f"/catalog/?{query}").text
    assert api.get("/datasets?created_before=2025-06-29").json()["count"] == 0


@pytest.mark.parametrize("value", ["x", "2026-13-01", "0000-00-00", "2026-11-27T10:00", "9" * 50])
def test_what_is_no_date_is_refused_by_page_and_api_alike(page, api, make_dataset, value):
    make_dataset()
    by_api = api.get("/datasets", {"created_after": value})
    assert (by_api.status_code, sentence_of(by_api)) == (400, "Must be a date such as 2026-11-27.")
    assert sentence_of(by_api) in text_of(page.get("/catalog/", {"created_after": value}))
