"""The pages of model versions."""

import pytest

from registry.models import ModelVersion

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
