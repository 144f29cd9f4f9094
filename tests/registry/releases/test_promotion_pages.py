"""The pages that promote a model version: the form, the confirmation and the changed predictions."""

import pytest

from registry.models import ModelVersion
from registry.releases.promotion import promote, retire


def test_promoting_redirects_to_the_model_with_a_message_and_the_comment(page, make_version):
    make_version()
    form = {"stage": "staging", "comment": "Better than the last."}
    response = page.post("/registry/models/flowers/1/promote/", form, follow=True)
    assert response.redirect_chain == [("/registry/models/flowers/1/", 302)]
    assert "Version 1 is live in staging." in response.text
    assert "Better than the last." in response.text


@pytest.fixture
def replacement(make_version, make_dataset, admin):
    """The source of version 1, live in production, and of version 2, live in dev."""
    source = make_dataset()
    promote(make_version(source), stage="production", by=admin)
    make_version(source)
    return source


PROMOTE = "/registry/models/flowers/2/promote/"


def hidden_fields(response) -> dict[str, str]:
    return {field.name: field.value() for field in response.context["form"]}


def test_promoting_over_a_live_version_redirects_to_a_confirmation_that_names_both(page, replacement):
    form = {"stage": "production", "comment": "kept words"}
    response = page.post(PROMOTE, form)
    assert response["Location"] == f"{PROMOTE}?stage=production&comment=kept+words"
    asked = page.get(response["Location"])
    assert "Promote version 2 to production?" in asked.text
    assert "Version 2 replaces version 1," in asked.text
    assert "both versions predict" in asked.text
    assert ModelVersion.objects.live_in("production").get().number == 1
    response = page.post(PROMOTE, hidden_fields(asked), follow=True)
    assert response.redirect_chain == [("/registry/models/flowers/2/", 302)]
    assert "Version 2 is live in production." in response.text
    assert "kept words" in response.text


@pytest.fixture
def another_target(replacement, make_version):
    """Version 3, which predicts another column than version 1, live in production."""
    make_version(replacement, target="colour", features=["length", "width"])
    return "/registry/models/flowers/3/promote/"


def test_a_promotion_that_breaks_requests_is_confirmed_by_the_name_of_the_dataset(page, another_target):
    asked = page.get(f"{another_target}?stage=production")
    for sentence in (
        "Predicts a class of <code>colour</code> instead of a class of <code>species</code>.",
        "Refuses requests with the column <code>colour</code>.",
        "Name of the dataset",
    ):
        assert sentence in asked.text
    refused = page.post(another_target, hidden_fields(asked) | {"typed_name": "flower"})
    assert refused.status_code == 409
    assert ModelVersion.objects.live_in("production").get().number == 1
    page.post(another_target, hidden_fields(refused) | {"typed_name": "flowers"})
    assert ModelVersion.objects.live_in("production").get().number == 3


def test_a_promotion_to_another_target_shows_the_metrics_of_each_version(page, another_target):
    text = page.get(f"{another_target}?stage=production").text
    table = text.partition('id="metrics"')[2].partition("</table>")[0]
    assert "their metrics cannot be compared" in table
    assert '<span class="sub">species</span>' in table and '<span class="sub">colour</span>' in table
    assert "Accuracy" in table and "better" not in table.partition("<tbody>")[2].replace("is better", "")


def test_the_name_is_asked_only_where_it_is_needed(page, another_target):
    assert "typed_name" not in page.get("/registry/models/flowers/3/").text
    asked = page.post(another_target, {"stage": "production", "typed_name": "flowers"}, follow=True)
    assert "Name of the dataset" in asked.text


def test_the_address_of_a_confirmation_cannot_bring_the_name(page, another_target):
    response = page.get(f"{another_target}?stage=production&typed_name=flowers")
    assert response.status_code == 400


def test_a_promotion_shows_the_metrics_and_the_changed_predictions_of_both_versions(page, replacement):
    asked = page.get(f"{PROMOTE}?stage=production")
    assert "Both were measured on the same 5 rows." in asked.text
    assert asked.text.index("Changed predictions") < asked.text.index('id="metrics"')
    assert "Name of the dataset" not in asked.text
    changed = page.get(f"{PROMOTE}predictions/?stage=production")
    assert "0 of 5 held-out rows of version 2 are predicted differently." in changed.text


def test_changed_predictions_list_a_column_named_like_a_method_of_a_dict_and_shorten_its_texts(
    page, make_dataset, make_version, admin
):
    source = make_dataset("steps", "items,y\n" + "".join(f"{'ab'[i % 2] * 99},{i}\n" for i in range(40)))
    for module, name in (("dummy", "DummyRegressor"), ("tree", "DecisionTreeRegressor")):
        version = make_version(source, module=module, class_name=name, target="y", features=["items"])
        if version.number == 1:
            promote(version, stage="production", by=admin)
    changed = page.get("/registry/models/steps/2/promote/predictions/?stage=production").text
    assert '<th scope="col" class="mono">items</th>' in changed
    assert f"<td>{'a' * 59}…</td>" in changed


def test_a_comment_that_is_too_long_for_an_address_is_kept(page, replacement):
    asked = page.post(PROMOTE, {"stage": "production", "comment": "é" * 10_000})
    page.post(PROMOTE, hidden_fields(asked))
    assert ModelVersion.objects.live_in("production").get().releases.first().comment == "é" * 10_000


def test_a_stale_confirmation_is_refused_and_names_the_version_that_is_live_now(
    page, make_version, replacement, admin
):
    asked = page.get(f"{PROMOTE}?stage=production")
    promote(make_version(replacement), stage="production", by=admin)
    refused = page.post(PROMOTE, hidden_fields(asked) | {"comment": "kept words"})
    assert refused.status_code == 409
    assert "Version 1 is no longer live in production: version 3 is live there now." in refused.text
    assert "Version 2 replaces version 3," in refused.text
    assert "kept words" in refused.text
    page.post(PROMOTE, hidden_fields(refused))
    assert ModelVersion.objects.live_in("production").get().number == 2


def test_a_confirmation_is_refused_if_the_stage_was_retired_since(page, replacement, admin):
    confirmed = hidden_fields(page.get(f"{PROMOTE}?stage=production"))
    retire(replacement.dataset, stage="production", by=admin)
    refused = page.post(PROMOTE, confirmed)
    assert "Version 1 is no longer live in production: nothing is live there now." in refused.text
    assert "Version 2 goes live in production, where nothing is live now." in refused.text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "Select the stage."),
        ("?stage=dev", "Version 2 is already live in dev."),
        ("?stage=beta", "<code>beta</code>"),
        ("?stage=staging&comment=" + "x" * 10_001, "at most 10,000 characters"),
    ],
)
def test_an_address_that_confirms_nothing_leads_back_to_the_version(page, replacement, query, sentence):
    response = page.get(PROMOTE + query, follow=True)
    assert response.redirect_chain == [("/registry/models/flowers/2/", 302)]
    assert sentence in response.text


def test_the_address_of_a_confirmation_leads_back_once_it_is_done(page, replacement, admin):
    promote(ModelVersion.objects.numbered("flowers", 2), stage="production", by=admin)
    response = page.get(f"{PROMOTE}?stage=production", follow=True)
    assert "Version 2 is already live in production." in response.text


def test_an_address_cannot_say_which_version_is_live(page, replacement):
    response = page.get(f"{PROMOTE}?stage=production&expected_live=1", headers={"Accept": "text/html"})
    assert response.status_code == 400
    assert "Unknown query parameter <code>expected_live</code>" in response.text


def test_a_rejected_promotion_keeps_the_comment(page, make_version, admin):
    promote(make_version(), stage="production", by=admin)
    response = page.post("/registry/models/flowers/1/promote/", {"stage": "dev", "comment": "kept words"})
    assert response.status_code == 422
    assert "moves a version up" in response.text
    assert "kept words" in response.text


def test_the_promote_form_offers_only_stages_that_the_role_permits(sign_in, make_version):
    make_version()
    text = sign_in("data scientist").get("/registry/models/flowers/1/").text
    assert 'value="staging"' in text
    assert 'value="production"' not in text


def test_promoting_to_a_stage_without_permission_is_forbidden(sign_in, make_version):
    make_version()
    scientist = sign_in("data scientist")
    response = scientist.post("/registry/models/flowers/1/promote/", {"stage": "production"})
    assert response.status_code == 403
    assert ModelVersion.objects.get().reached == "dev"
