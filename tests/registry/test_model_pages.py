"""The pages of model versions."""

import pytest

from registry.models import ModelVersion
from registry.releases.promotion import promote, retire

HOUSES = "rooms,price\n" + "".join(f"{1 + i % 5},{100.5 + i * 3.25}\n" for i in range(30))


def test_the_page_of_a_classifier_shows_metrics_confusion_matrix_parameters_and_lineage(page, make_version):
    make_version()
    text = page.get("/registry/models/flowers/1/").text
    for text_part in (
        "Accuracy",
        "Confusion matrix",
        "Classification report",
        "max_depth",
        "Dataset flowers, version 1",
        "sha",
    ):
        assert text_part.lower() in text.lower()
    assert 'href="/models/flowers/1/artifact"' in text


def test_the_page_of_a_clusterer_says_that_it_clusters_and_what_it_left_out(page, make_version):
    make_version(module="cluster", class_name="KMeans", target="species", features=["length", "width"])
    text = page.get("/registry/models/flowers/1/").text
    assert "KMeans groups the rows into clusters and predicts no column" in text
    assert "2 input columns; not used: <code>colour</code>, <code>species</code>" in text
    assert ">species</td>" not in page.get("/registry/models/").text


def test_the_page_of_a_regressor_shows_its_residuals(page, make_version, make_dataset):
    source = make_dataset("houses", HOUSES)
    make_version(source, module="linear_model", class_name="LinearRegression")
    text = page.get("/registry/models/houses/1/").text
    assert "Predicted and actual values" in text
    assert "Confusion matrix" not in text


def test_the_page_of_a_clusterer_shows_its_cluster_sizes(page, make_version):
    make_version(module="cluster", class_name="KMeans", target=None, params={"n_clusters": 2})
    text = page.get("/registry/models/flowers/1/").text
    assert "Cluster sizes" in text
    assert "cluster 1" in text


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


def test_a_viewer_cannot_promote_delete_or_train(sign_in, make_version):
    make_version()
    viewer = sign_in("viewer")
    text = viewer.get("/registry/models/flowers/1/").text
    assert "/promote/" not in text
    assert "/delete/" not in text
    assert viewer.post("/registry/models/flowers/1/promote/", {"stage": "staging"}).status_code == 403
    assert viewer.get("/registry/train/").status_code == 403


def test_deleting_a_model_version_requires_confirmation(page, make_version):
    make_version()
    asked = page.get("/registry/models/flowers/1/delete/")
    assert "This cannot be undone." in asked.text
    assert "After its deletion, dev serves nothing, until a model is trained." in asked.text
    form = {"effect": asked.context["effect"]}
    assert page.post("/registry/models/flowers/1/delete/", form)["Location"] == "/registry/models/"
    assert not ModelVersion.objects.exists()


def test_a_deletion_is_confirmed_again_if_dev_would_serve_another_version(page, make_version, make_dataset):
    source = make_dataset()
    make_version(source)
    form = {"effect": page.get("/registry/models/flowers/1/delete/").context["effect"]}
    make_version(source)
    response = page.post("/registry/models/flowers/1/delete/", form)
    assert response.status_code == 409
    assert "Another version went live in dev in the meantime." in response.text
    assert ModelVersion.objects.count() == 2


def test_the_model_list_shows_the_headline_metric_of_the_task(page, make_version, make_dataset):
    version = make_version()
    row = page.get("/registry/models/").context["page"][0]
    assert row.headline == pytest.approx(version.metrics["accuracy"])


def test_the_model_list_filters_and_sorts(page, make_version, make_dataset):
    source = make_dataset()
    make_version(source)
    make_version(source, module="neighbors", class_name="KNeighborsClassifier")
    numbers = [model.number for model in page.get("/registry/models/?ordering=version").context["page"]]
    assert numbers == [1, 2]
    assert [m.number for m in page.get("/registry/models/?q=neighbors").context["page"]] == [2]
    assert "No matching model versions" in page.get("/registry/models/?dataset=nothing").text


def test_the_metrics_stand_beside_their_interval_the_training_rows_and_the_baseline(page, make_version):
    version = make_version()
    low, high = version.metrics["intervals"]["accuracy"]
    text = page.get("/registry/models/flowers/1/").text
    for label in ("95 % interval", "Train", "Baseline", "Balanced accuracy", "the most frequent class"):
        assert label in text
    assert f"{low:.4f} to {high:.4f}" in text


def test_a_version_of_an_earlier_release_has_metrics_without_intervals(page, make_version):
    version = make_version()
    version.metrics = {"accuracy": 0.75, "roc_auc": None}
    version.save()
    response = page.get("/registry/models/flowers/1/")
    assert [row["test"] for row in response.context["metric_rows"]] == [0.75]
    assert response.context["findings"] == []


def test_a_threshold_and_the_primary_metric_are_on_the_page_and_in_the_list(
    page, make_version, make_dataset, api
):
    source = make_dataset()
    make_version(source, threshold=0.25, calibration="sigmoid", primary_metric="log_loss")
    later = make_version(source)
    assert later.primary_metric == "log_loss"  # as that of the version before
    text = page.get("/registry/models/flowers/1/").text
    assert "<code>tulip</code> from a probability of 0.25, sigmoid calibration" in text
    body = api.get("/models/flowers/1").json()
    assert body["decision"] == {"threshold": 0.25, "positive": "tulip", "calibration": "sigmoid"}
    [_, row] = page.get("/registry/models/").context["page"]
    assert row.headline == pytest.approx(body["metrics"]["log_loss"])
    assert "Log loss" in page.get("/registry/models/").text
    assert api.get("/models").json()["results"][1]["metrics"]["log_loss"] == body["metrics"]["log_loss"]
