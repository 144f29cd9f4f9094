"""What is done with the model versions that are selected in a list, and how they are tagged and found again."""

import re
from urllib.parse import urlencode

import pytest
from django.utils.html import escape

from registry.models import ModelVersion
from registry.releases.promotion import promote

TICKED = re.compile(r'value="([^"]*)" aria-label="[^"]*" checked>')


@pytest.fixture
def three(make_version, make_dataset, admin):
    """Version 1 is live in staging, version 3 in dev."""
    source = make_dataset()
    versions = [make_version(source) for _ in range(3)]
    promote(versions[0], stage="staging", by=admin)
    return versions


def selected(*numbers) -> str:
    return "&".join(f"model=flowers/{number}" for number in numbers)


def tags(number: int) -> list[str]:
    return ModelVersion.objects.get(number=number).tag_names


def test_the_selected_versions_get_and_lose_tags(three, page):
    path = f"/registry/models/tag-selected/?{selected(1, 2)}"
    assert page.post(path, {"add": "Champion, 2026 q3"})["Location"] == "/registry/models/"
    assert (tags(1), tags(2), tags(3)) == (["2026 q3", "champion"], ["2026 q3", "champion"], [])
    page.post(f"/registry/models/tag-selected/?{selected(2)}", {"add": "new", "remove": "champion"})
    assert (tags(1), tags(2)) == (["2026 q3", "champion"], ["2026 q3", "new"])


def test_a_tag_that_cannot_be_one_is_an_error_of_the_form_and_changes_nothing(three, page):
    response = page.post(f"/registry/models/tag-selected/?{selected(1)}", {"add": "a;b"})
    assert response.status_code == 422
    assert "is not a tag" in response.text
    assert tags(1) == []


def test_a_version_that_would_have_too_many_tags_is_named(three, page, api):
    api.patch("/models/flowers/1", {"tags": [f"t{n}" for n in range(19)]}, format="json")
    response = page.post(f"/registry/models/tag-selected/?{selected(1, 2)}", {"add": "a, b"}, follow=True)
    assert "The tags of 1 model version were saved." in response.text
    assert "flowers model version 1: These are 21 tags" in response.text


def test_versions_are_tagged_and_filtered_by_the_api(three, api, page):
    body = api.patch("/models/flowers/2", {"tags": ["Champion"]}, format="json").json()
    assert body["tags"] == ["champion"]
    [row] = api.get("/models?tag=Champion").json()["results"]
    assert (row["version"], row["tags"]) == (2, ["champion"])
    assert api.patch("/models/flowers/2", {"tag": ["x"]}, format="json").status_code == 400
    assert '<a class="tag" href="/registry/models/?tag=champion"' in page.get("/registry/models/").text


def test_the_deletion_of_selected_versions_names_what_it_deletes_and_what_it_cannot(three, page):
    path = f"/registry/models/delete-selected/?{selected(1, 2, 3)}"
    response = page.get(path)
    assert "Version 1 is live in staging. Retire staging" in response.text
    assert [one.owner.number for one in response.context["allowed"]] == [2, 3]
    assert "After its deletion, dev serves the version before it that is left" in response.text
    assert "2 model versions were deleted." in page.post(path, follow=True).text
    assert ModelVersion.objects.get().live_stages == ["dev", "staging"]


def test_a_deletion_without_anything_to_delete_has_no_button(three, page):
    path = f"/registry/models/delete-selected/?{selected(1)}"
    assert "Nothing can be deleted" in page.get(path).text
    assert page.post(path).status_code == 200
    assert ModelVersion.objects.count() == 3


@pytest.mark.parametrize("action", ["tag-selected", "delete-selected"])
def test_a_selection_of_nothing_or_of_what_is_missing_is_said(page, db, action):
    response = page.get(f"/registry/models/{action}/", follow=True)
    assert "Select at least one model version." in response.text
    assert page.get(f"/registry/models/{action}/", {"model": "flowers/9"}).status_code == 404
    for name in ("flowers", "/", "flowers/1x", "flowers/0", "é"):
        assert page.get(f"/registry/models/{action}/", {"model": name}).status_code == 400
    many = "&".join(f"model=a/{n}" for n in range(1, 52))
    assert page.get(f"/registry/models/{action}/?{many}").status_code == 400
    assert page.get(f"/registry/models/{action}/?models=a/1").status_code == 400


def test_roles_limit_what_can_be_done_with_a_selection(three, sign_in):
    viewer = sign_in("viewer")
    assert "tag-selected" not in viewer.get("/registry/models/").text
    for action in ("tag-selected", "delete-selected"):
        assert viewer.post(f"/registry/models/{action}/?{selected(2)}").status_code == 403


def test_a_star_marks_a_favourite_of_its_user_only(three, page, api, make_user):
    back = "/registry/models/?dataset=flowers"
    star = {"favourite": "true", "next": back}
    assert page.post("/registry/models/flowers/2/favourite/", star)["Location"] == back
    page.post("/registry/models/flowers/2/favourite/", star)
    [row] = api.get("/models?favourite=true").json()["results"]
    assert (row["version"], row["favourite"]) == (2, True)
    assert api.get("/models?favourite=false").json()["count"] == 2
    api.force_authenticate(make_user("viewer"))
    assert api.get("/models?favourite=true").json()["count"] == 0


def test_a_star_leads_nowhere_else(three, page):
    for elsewhere in ("https://example.org/", "//example.org", "nonsense", ""):
        star = {"favourite": "true", "next": elsewhere}
        response = page.post("/registry/models/flowers/2/favourite/", star)
        assert response["Location"] == "/registry/models/flowers/2/"
    assert (
        page.post("/registry/models/flowers/2/favourite/", star, headers={"HX-Request": "true"}).status_code
        == 204
    )


def test_a_program_marks_favourites(three, api):
    for _ in range(2):
        assert api.put("/models/flowers/1/favourite").status_code == 204
    assert api.get("/models?favourite=true").json()["count"] == 1
    for _ in range(2):
        assert api.delete("/models/flowers/1/favourite").status_code == 204
    assert api.get("/models?favourite=true").json()["count"] == 0
    assert api.put("/models/flowers/9/favourite").status_code == 404
    assert api.get("/models?favourite=perhaps").status_code == 400


LISTS = [
    "/registry/models/?dataset=flowers", "/registry/models/?dataset=flowers&target=species", "/",
    "/registry/releases/?dataset=flowers", "/serving/flowers/dev/",
]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_every_list_of_versions_leads_back_to_itself_with_the_selection(three, page, path):
    assert f'<input type="hidden" name="next" value="{escape(path)}">' in page.get(path).text
    response = page.get("/registry/models/compare/", {"model": "flowers/1", "next": path}, follow=True)
    assert response.redirect_chain == [(path, 302)]
    assert "Select 2 to 6 model versions to compare." in response.text
    assert set(TICKED.findall(response.text)) == {"flowers/1"}
    assert not TICKED.findall(page.get(path).text)


def test_tags_are_saved_for_a_filtered_list_and_its_selection_stays(three, page):
    path = "/registry/models/?dataset=flowers&ordering=version"
    action = f"/registry/models/tag-selected/?{selected(1, 2)}&{urlencode({'next': path})}"
    assert f'href="{escape(path)}">Cancel' in page.get(action).text
    response = page.post(action, {"add": "champion"}, follow=True)
    assert response.redirect_chain == [(path, 302)]
    assert set(TICKED.findall(response.text)) == {"flowers/1", "flowers/2"}


def test_a_selection_is_forgotten_by_other_lists_and_leads_to_no_other_site(three, page):
    page.get("/registry/models/compare/?model=flowers/1&next=//example.org/")
    assert not TICKED.findall(page.get("/registry/models/?dataset=flowers").text)
    assert TICKED.findall(page.get("/registry/models/").text) == ["flowers/1"]


def test_a_comparison_from_a_list_has_an_address_that_can_be_shared(three, page):
    response = page.get(f"/registry/models/compare/?{selected(1, 2)}&next=/registry/models/")
    assert response["Location"] == "/registry/models/compare/?model=flowers/1&model=flowers/2"
    assert page.get(response["Location"]).status_code == 200
