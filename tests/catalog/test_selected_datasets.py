"""What is done with the datasets that are selected in a list, and the favourites of a user."""

from catalog.models import Dataset


def test_the_selected_datasets_get_and_lose_tags(make_dataset, page):
    make_dataset()
    make_dataset("roses")
    path = "/catalog/tag-selected/?dataset=flowers&dataset=roses"
    assert page.post(path, {"add": "garden"})["Location"] == "/catalog/"
    page.post("/catalog/tag-selected/?dataset=roses", {"add": "", "remove": "garden"})
    assert [one.tag_names for one in Dataset.objects.all()] == [["garden"], []]


def test_the_deletion_of_selected_datasets_says_which_are_in_use(make_dataset, make_version, page):
    make_version(make_dataset())
    make_dataset("roses")
    path = "/catalog/delete-selected/?dataset=flowers&dataset=roses"
    assert "It is used by 1 model version." in page.get(path).text
    assert "1 dataset was deleted." in page.post(path, follow=True).text
    assert [one.name for one in Dataset.objects.all()] == ["flowers"]


def test_a_dataset_is_a_favourite_of_its_user_on_pages_and_in_the_api(make_dataset, page, api):
    make_dataset()
    make_dataset("roses")
    page.post("/catalog/roses/favourite/", {"favourite": "true", "next": "/catalog/"})
    assert [row["name"] for row in api.get("/datasets?favourite=true").json()["results"]] == ["roses"]
    assert [row.dataset.name for row in page.get("/catalog/?favourite=false").context["page"]] == ["flowers"]
    assert api.delete("/datasets/roses/favourite").status_code == 204
    assert api.put("/datasets/flowers/favourite").status_code == 204
    assert [row["favourite"] for row in api.get("/datasets?ordering=name").json()["results"]] == [True, False]


def test_a_viewer_has_favourites_but_selects_nothing(make_dataset, sign_in):
    make_dataset()
    viewer = sign_in("viewer")
    text = viewer.get("/catalog/").text
    assert 'type="checkbox"' not in text
    assert 'class="star"' in text
    assert viewer.post("/catalog/tag-selected/?dataset=flowers", {"add": "x"}).status_code == 403
