"""Model versions measured on other data than that of their training."""

import numpy as np
import pytest

from registry.evaluation import definitions
from registry.jobs import evaluation
from registry.models import Evaluation
from tests.conftest import FLOWERS

LATER = FLOWERS + "5,1.5,red,rose\n4,1,blue,tulip\n5,1.5,blue,\n"


@pytest.fixture
def later(make_version, make_dataset):
    """Version 1 of a model, and version 2 of its dataset, which has a row without a target."""
    model = make_version()
    return model, make_dataset(content=LATER, new_version=True)


def test_a_version_is_measured_on_another_dataset_version_and_the_result_is_kept_beside_it(later, api):
    _, source = later
    response = api.post("/models/flowers/1/evaluate", {"dataset_version": 2})
    body = response.json()
    assert response.status_code == 201, body
    assert (body["state"], body["dataset_version"], body["rows"]) == ("succeeded", 2, source.row_count - 1)
    assert sum(map(sum, body["metrics"]["confusion_matrix"])) == body["rows"]
    low, high = body["metrics"]["intervals"]["accuracy"]
    assert low <= body["metrics"]["accuracy"] <= high
    assert "1 of" in body["warnings"][0]
    [row] = api.get("/models/flowers/1/evaluations?state=succeeded").json()["results"]
    assert row["metrics"] == definitions.numbers(body["metrics"])
    assert api.get(body["url"]).json() == body


def test_the_request_only_queues_it_for_a_worker(later, api, page, settings):
    settings.JOB_QUEUED_HOOK = ""
    response = api.post(
        "/models/flowers/1/evaluate", {"dataset_version": 2}, headers={"Prefer": "respond-async"}
    )
    assert (response.status_code, response.json()["state"]) == (202, "queued")
    assert 'hx-trigger="every 1s"' in page.get("/registry/models/flowers/1/").text  # it reloads the result
    address = "/registry/models/flowers/1/evaluations/"
    assert f'hx-get="{address}"' in page.get("/registry/models/flowers/1/").text
    part = page.get(address, headers={"HX-Request": "true"}).text
    assert part.strip().startswith('<section class="card scroll" id="other-data"') and "<h1" not in part
    assert response["Location"] == response.json()["url"]
    assert api.post(f"{response['Location']}/cancel").json()["state"] == "cancelled"


def test_a_regressor_is_measured_on_a_dataset_of_another_name(make_version, make_dataset, api):
    make_version(module="tree", class_name="DecisionTreeRegressor", target="width", features=["length"])
    make_dataset("garden", "length,width\n" + "".join(f"{i},{i / 3}\n" for i in range(1, 20)))
    metrics = api.post("/models/flowers/1/evaluate", {"dataset_name": "garden"}).json()["metrics"]
    assert metrics["mae"] > 0
    assert "residuals" not in metrics


def test_a_target_of_integers_is_measured_on_fractions_as_they_are(make_version, make_dataset, api):
    whole = "length,width\n" + "".join(f"{i},{2 * i}\n" for i in range(1, 30))
    make_version(make_dataset("whole", whole), module="linear_model", class_name="LinearRegression")
    make_dataset("halves", "length,width\n" + "".join(f"{i},{2 * i + 0.5}\n" for i in range(1, 30)))
    metrics = api.post("/models/whole/1/evaluate", {"dataset_name": "halves"}).json()["metrics"]
    assert metrics["mae"] == pytest.approx(0.5)


def test_rows_of_a_class_that_the_model_does_not_know_are_counted_in_a_warning(
    make_version, make_dataset, api
):
    make_version()
    make_dataset("other", LATER.replace("blue,tulip", "blue,lily"))
    [_, warning, *_] = api.post("/models/flowers/1/evaluate", {"dataset_name": "other"}).json()["warnings"]
    assert "a class that no training row has" in warning


def test_rows_of_the_training_in_a_table_that_has_grown_are_counted_with_the_metric_without_them(
    make_version, make_dataset, api
):
    random = np.random.default_rng(0)
    lines = [f"{a:.4f},{b:.4f},{random.choice(['yes', 'no'])}\n" for a, b in random.normal(size=(120, 2))]
    make_version(make_dataset("noise", "size,age,answer\n" + "".join(lines[:90])), target="answer")
    make_dataset("noise", "size,age,answer\n" + "".join(lines), new_version=True)
    body = api.post("/models/noise/1/evaluate", {"dataset_version": 2}).json()
    [warning] = body["warnings"]
    assert warning.startswith(
        "90 of 120 test rows (75 %) are also rows of the dataset version that the model was"
    )
    without = float(warning.partition("Accuracy is ")[2].split()[0])
    assert without < body["metrics"]["accuracy"] - 0.1


def test_other_words_for_true_and_false_are_the_same_classes(make_version, make_dataset, api):
    tame = "size,tame\n" + "".join(f"{row},{row > 15}\n" for row in range(30))
    make_version(make_dataset("animals", tame), target="tame")
    make_dataset("animals", tame.replace("True", "yes").replace("False", "no") + "31,yes\n", new_version=True)
    metrics = api.post("/models/animals/1/evaluate", {"dataset_version": 2}).json()["metrics"]
    assert metrics["accuracy"] > 0.9


def test_clusters_of_other_rows_are_those_of_their_predictions(make_version, make_dataset, api):
    make_version(
        module="cluster",
        class_name="KMeans",
        target=None,
        features=["length", "width"],
        params={"n_clusters": 2},
    )
    make_dataset("garden", "length,width\n1,1\n1.1,1\n1.2,1\n")
    metrics = api.post("/models/flowers/1/evaluate", {"dataset_name": "garden"}).json()["metrics"]
    assert sum(metrics["cluster_sizes"].values()) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("length,width\n1,2\n2,3\n", "has no column `colour`, `species`"),
        (FLOWERS.replace(",red", ",1").replace(",blue", ",2"), "has another type of column `colour`"),
    ],
)
def test_a_dataset_with_other_columns_is_refused(make_version, make_dataset, api, content, words):
    make_version()
    make_dataset("other", content)
    response = api.post("/models/flowers/1/evaluate", {"dataset_name": "other"})
    assert (response.status_code, response.json()["code"]) == (400, "columns_differ")
    assert words in response.json()["detail"]


def test_the_data_of_the_training_are_refused_and_so_is_a_model_that_predicts_no_other_rows(
    make_version, api
):
    make_version()
    assert api.post("/models/flowers/1/evaluate", {}).json()["code"] == "same_dataset_version"
    make_version(module="cluster", class_name="DBSCAN", target=None)
    assert api.post("/models/flowers/2/evaluate", {"dataset_version": 9}).status_code == 404


def test_an_evaluation_of_deleted_data_fails_with_a_reason(later, admin, settings):
    settings.JOB_QUEUED_HOOK = ""
    job = evaluation.submit(*later, by=admin)
    Evaluation.objects.update(state="running", attempt=1, dataset_version=None)
    job.refresh_from_db()
    evaluation.run(job)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "dataset_deleted")


def test_the_page_measures_a_version_and_shows_the_result(later, page):
    assert "Measure" in page.get("/registry/models/flowers/1/").text
    response = page.post("/registry/models/flowers/1/evaluate/", {"dataset_version": "2"}, follow=True)
    assert "flowers, version 2" in response.text
    [shown] = response.context["evaluations"]
    metrics = Evaluation.objects.get().metrics
    assert (shown["value"], shown["interval"]) == (metrics["accuracy"], metrics["intervals"]["accuracy"])
    refused = page.post("/registry/models/flowers/1/evaluate/", {"dataset_version": "1"}, follow=True)
    assert "was trained on rows of this dataset version" in refused.text


def test_viewers_cannot_measure(later, sign_in):
    viewer = sign_in("viewer")
    assert viewer.post("/registry/models/flowers/1/evaluate/", {"dataset_version": "2"}).status_code == 403


def test_lists_do_not_read_the_metrics_with_their_matrices(later, admin):
    evaluation.submit(*later, by=admin)
    evaluations = Evaluation.objects
    for queryset in (evaluations.for_lists(), evaluations.with_metric("accuracy")):
        assert "metrics" in queryset.get().get_deferred_fields()
