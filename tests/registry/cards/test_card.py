"""Model cards: written by people in revisions, by page and by API, with generated facts."""

import pytest

from registry.cards import revisions
from registry.models import CardRevision
from tests.test_parity import sentence_of, text_of

CARD, EDIT = "/registry/models/flowers/1/card/", "/registry/models/flowers/1/card/edit/"
API = "/models/flowers/1/card"


@pytest.fixture
def version(make_version):
    return make_version()


def test_a_card_that_nobody_has_written_has_the_facts_and_revision_0(api, version):
    body = api.get(API).json()
    assert (body["revision"], body["purpose"], body["owner"], body["written_by"]) == (0, "", "", None)
    facts = body["facts"]
    assert facts["model"]["algorithm"] == "DecisionTreeClassifier"
    assert facts["data"]["sha256"] == version.dataset_version.sha256
    assert facts["training"]["rows_train"] == version.rows_train
    assert facts["training"]["preprocessing"].keys() == set(version.features)
    assert facts["artifact"]["engine"] == version.verification.engine
    assert [release["environment"] for release in facts["releases"]] == ["dev"]


def test_the_facts_have_the_metrics_with_interval_train_and_baseline(api, version):
    [accuracy] = [row for row in api.get(API).json()["facts"]["metrics"] if row["metric"] == "accuracy"]
    assert accuracy["test"] == version.metrics["accuracy"]
    assert accuracy["interval"] == version.metrics["intervals"]["accuracy"]
    assert accuracy["train"] == version.metrics["train"]["accuracy"]
    assert accuracy["baseline"] == version.metrics["baseline"]["accuracy"]


def test_each_save_is_a_revision_and_earlier_ones_can_be_read(api, page, version):
    first = api.patch(API, {"revision": 0, "purpose": "Sorts bulbs.\r\n", "owner": "Garden team"}).json()
    assert (first["revision"], first["purpose"], first["written_by"]) == (1, "Sorts bulbs.", "ada")
    second = api.patch(API, {"revision": 1, "limits": "Not for **wild** plants"}).json()
    assert (second["revision"], second["owner"]) == (2, "Garden team")
    assert api.get(f"{API}?revision=1").json()["limits"] == ""
    assert [row["revision"] for row in api.get(f"{API}/revisions").json()["results"]] == [2, 1]
    assert "<strong>wild</strong>" in page.get(CARD).text
    earlier = page.get(f"{CARD}?revision=1").text
    assert "You are viewing revision 1 of 2" in earlier
    assert "wild" not in earlier


def test_a_save_without_a_difference_adds_no_revision(api, version):
    api.patch(API, {"revision": 0, "owner": "Garden team"})
    assert api.patch(API, {"revision": 1, "owner": " Garden team "}).json()["revision"] == 1
    assert api.patch(API, {"revision": 1}).json()["revision"] == 1


def test_a_save_on_an_older_revision_is_a_conflict_that_names_the_newer_one(api, version):
    api.patch(API, {"revision": 0, "owner": "A"})
    response = api.patch(API, {"revision": 0, "owner": "B"})
    assert (response.status_code, response.json()["code"]) == (409, "card_changed")
    assert "Revision 1 of the card was saved by ada" in response.json()["detail"]
    assert api.get(API).json()["owner"] == "A"


def test_the_page_keeps_what_was_typed_when_another_revision_was_saved(page, admin, version):
    revisions.save(version, revision=0, by=admin, owner="Bulb team", purpose="# Theirs")
    response = page.post(EDIT, {"purpose": "# Mine", "owner": "Me", "limits": "", "revision": 0})
    assert response.status_code == 409
    assert "# Mine</textarea>" in response.text
    assert "# Theirs</dd>" in response.text
    again = page.post(EDIT, {"purpose": "# Mine", "owner": "Me", "limits": "", "revision": 1})
    assert (again.status_code, again.url) == (302, CARD)
    assert revisions.current(version).purpose == "# Mine"


def test_the_markdown_document_has_texts_and_facts_and_escapes_names(api, admin, version):
    revisions.save(version, revision=0, by=admin, purpose="Sorts *bulbs*.", owner="a|b <x>")
    response = api.get(f"{API}.md")
    assert response["Content-Type"].startswith("text/markdown")
    assert 'filename="flowers_v1_card.md"' in response["Content-Disposition"]
    text = response.content.decode()
    assert "## Purpose\n\nSorts *bulbs*." in text
    assert r"a\|b \<x\>" in text
    assert "## Limits\n\n_Not written yet._" in text
    assert "| Accuracy |" in text
    assert "- Preparation: " in text


def test_html_in_a_text_is_shown_as_text(page, admin, version):
    revisions.save(version, revision=0, by=admin, purpose="<script>alert(1)</script>", owner="<b>x</b>")
    text = page.get(CARD).text
    assert "<script>alert" not in text
    assert "&lt;b&gt;x" in text


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({"purpose": "x" * 10_001}, {"purpose": "x" * 10_001}),
        ({"owner": "x" * 201}, {"owner": "x" * 201}),
        ({"limits": "a\x00"}, {"limits": "a\x00"}),
        ({"purpos": "a"}, {"purpos": "a"}),
        ({"revision": "-1"}, {"revision": -1}),
    ],
)
def test_page_and_api_reject_the_same_with_the_same_sentence(page, api, version, form, body):
    by_page, by_api = page.post(EDIT, {"revision": 0} | form), api.patch(API, {"revision": 0} | body)
    assert (by_page.status_code, by_api.status_code) == (422, 400)
    assert sentence_of(by_api) in text_of(by_page)
    assert not CardRevision.objects.exists()


def test_a_save_needs_the_revision_that_it_is_based_on(api, version):
    assert api.patch(API, {"owner": "A"}).json()["fields"] == {"revision": ["This field is required."]}


def test_a_revision_that_does_not_exist_is_not_found(api, page, version):
    assert api.get(f"{API}?revision=3").json()["code"] == "revision_not_found"
    assert page.get(f"{CARD}?revision=3").status_code == 404
    assert page.get(f"{CARD}?revision=x").status_code == 400


def test_viewers_read_a_card_and_cannot_write_it(sign_in, client, version):
    viewer = sign_in("viewer")
    assert EDIT not in viewer.get(CARD).text
    assert viewer.get(EDIT).status_code == 403
    assert viewer.post(EDIT, {"owner": "Me", "revision": 0}).status_code == 403


def test_the_cards_of_a_clusterer_and_a_regressor_are_complete(api, page, make_version, make_dataset):
    make_version(module="cluster", class_name="KMeans", features=["length", "width"], target="species")
    source = make_dataset("houses", "rooms,price\n" + "".join(f"{1 + i % 5},{i}\n" for i in range(30)))
    make_version(source, module="linear_model", class_name="LinearRegression")
    for name in ("flowers", "houses"):
        assert page.get(f"/registry/models/{name}/1/card/").status_code == 200
        assert api.get(f"/models/{name}/1/card.md").status_code == 200
        assert api.get(f"/models/{name}/1/card").json()["facts"]["metrics"]
