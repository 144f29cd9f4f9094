"""The API of training and training jobs."""

import threading

import pytest

from mlplatform.jobs import waiting
from registry.models import TrainingJob
from tests.conftest import LONELY

TREE = {"module": "tree", "class": "DecisionTreeClassifier", "params": {"max_depth": 3}}


@pytest.fixture
def train(api, make_dataset):
    make_dataset()

    def post(*, prefer="", **fields):
        body = {"dataset_name": "flowers", "model": TREE} | fields
        return api.post("/train", body, headers={"Prefer": prefer} if prefer else {})

    return post


def test_a_nested_error_names_only_fields_of_the_request(train):
    sentence = "Must be a JSON object, not a string."
    body = train(model="x").json()
    assert (body["detail"], body["fields"]) == (f"model: {sentence}", {"model": [sentence]})


@pytest.mark.parametrize(
    ("fields", "path", "near"),
    [
        ({"target": "species"}, "target", "target_column"),
        ({"params": {}}, "params", "model.params"),
        ({"feature_columns": []}, "feature_columns", "features"),
        ({"model": TREE | {"class_name": "X"}}, "model.class_name", "model.class"),
        ({"model": TREE | {"random_state": 1}}, "model.random_state", "random_state"),
    ],
)
def test_an_unknown_field_is_rejected_with_the_nearest_one(train, fields, path, near):
    sentence = f"Unknown field `{path}`. Did you mean `{near}`?"
    response = train(**fields)
    assert response.status_code == 400
    assert response.json() == {"detail": sentence, "code": "unknown_field", "fields": {path: [sentence]}}
    assert TrainingJob.objects.count() == 0


def test_an_unknown_field_is_named_before_the_missing_one_that_it_explains(api):
    body = api.post("/train", {"dataset": "flowers", "model": TREE}).json()
    assert body["detail"] == "Unknown field `dataset`. Did you mean `dataset_name`?"
    assert body["fields"]["dataset_name"] == ["This field is required."]


@pytest.mark.parametrize("count", [10_000, 1_000_000])
def test_a_long_list_of_invalid_items_has_a_short_response(train, count):
    assert len(train(features=[None] * count).content) < 2_000


def test_an_invalid_item_of_a_list_is_named_by_its_position(train):
    assert train(features=["length", None]).json()["detail"] == "features: item 2: Must not be null."


def test_a_training_that_finishes_returns_201_with_the_model(train):
    response = train(target_column="species", test_size=0.25, random_state=1)
    body = response.json()
    assert response.status_code == 201
    assert set(body) == {
        "message", "example", "dataset", "version", "environment", "model_file", "target", "features", "split",
        "measured", "metrics", "parameters", "warnings", "job", "group",
    }  # fmt: skip
    assert (body["dataset"], body["version"], body["environment"]) == ("flowers", 1, "dev")
    assert body["model_file"] == "flowers_model_dev_v1.pkl"
    assert body["metrics"]["accuracy"] == 1.0
    assert body["parameters"]["max_depth"] == 3
    assert TrainingJob.objects.get(pk=body["job"]).state == "succeeded"


@pytest.mark.parametrize("module", ["tree", "sklearn.tree"])
def test_a_module_is_accepted_with_or_without_the_package(train, module):
    assert train(model=TREE | {"module": module}).status_code == 201


def test_the_dataset_name_of_a_training_is_normalised(train):
    assert train(dataset_name="Flowers.csv").status_code == 201


def test_the_response_of_a_training_has_the_default_target(train):
    assert train().json()["target"] == "species"
    kmeans = {"module": "cluster", "class": "KMeans", "params": {"n_clusters": 2}}
    assert train(model=kmeans, target_column=None).json()["target"] is None


def test_training_on_an_example_adds_it_to_the_catalog(api):
    tree = {"module": "tree", "class": "DecisionTreeRegressor"}
    response = api.post("/train", {"dataset_name": "diabetes", "use_example": True, "model": tree})
    assert response.status_code == 201
    assert {"mae", "mse", "rmse", "r2"} <= set(response.json()["metrics"])
    assert api.get("/datasets/diabetes").json()["rows"] == 442


def test_an_older_dataset_version_can_be_selected_for_training(train, make_dataset, api):
    make_dataset(content="a,species\n" + "1,x\n2,y\n" * 10, new_version=True)
    assert train(dataset_version=1).json()["features"] == ["length", "width", "colour"]
    assert train().json()["features"] == ["a"]
    assert train(dataset_version=3).status_code == 404


def test_a_training_that_fails_returns_422_with_the_reason(train, make_dataset):
    make_dataset("lonely", LONELY)
    response = train(dataset_name="lonely")
    assert response.status_code == 422
    assert "only 1 row in `kind`" in response.json()["detail"]


def test_a_training_that_the_dry_run_rejects_returns_400(train):
    response = train(model={"module": "isotonic", "class": "IsotonicRegression"}, target_column="width")
    assert response.status_code == 400
    assert "IsotonicRegression could not be fitted" in response.json()["detail"]
    assert not TrainingJob.objects.exists()


def test_warnings_of_the_dry_run_are_returned_with_the_model_and_the_job(train, make_dataset, api):
    copied = "a,b,y\n" + "".join(f"{i % 3},{'xz'[i % 2]},{'xz'[i % 2]}\n" for i in range(60))
    make_dataset("leaky", copied)
    body = train(dataset_name="leaky").json()
    assert "`b` alone predicts `y` almost perfectly" in body["warnings"][0]
    assert api.get(f"/jobs/{body['job']}").json()["warnings"][0]["code"] == "leak"
    queued = train(dataset_name="leaky", prefer="respond-async").json()
    assert queued["warnings"] == body["warnings"]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"dataset_name": "nothing"}, 404, "No dataset is named `nothing`"),
        ({"dataset_name": ""}, 400, "dataset_name"),
        ({"model": {"module": "tree"}}, 400, "class"),
        ({"model": "tree"}, 400, "model"),
        ({"model": TREE | {"params": [1]}}, 400, "params"),
        ({"model": TREE | {"params": {"max_depth": "deep"}}}, 400, "max_depth"),
        ({"model": TREE | {"params": {"max_depth": "x" * 10_240}}}, 400, "exceed the limit of 10 KB"),
        ({"model": TREE | {"class": "DecisionTreeClasifier"}}, 400, "DecisionTreeClassifier"),
        ({"test_size": 1}, 400, "below 1"),
        ({"test_size": "x"}, 400, "test_size"),
        ({"random_state": 2**40}, 400, "random_state"),
        ({"target_column": "specis"}, 400, "species"),
        ({"features": []}, 400, "feature"),
        ({"features": "length"}, 400, "features"),
        ({"threshold": 2}, 400, "above 0 and below 1"),
        ({"threshold": {"metric": "r2"}}, 400, "balanced_accuracy"),
        ({"calibration": "platt"}, 400, "calibration"),
        ({"primary_metric": "rmse"}, 400, "accuracy"),
    ],
)
def test_an_invalid_training_request_returns_a_sentence(train, fields, status, words):
    response = train(**fields)
    assert response.status_code == status
    assert words in response.json()["detail"]
    assert set(response.json()) == {"detail", "code", "fields"}


def test_a_job_has_its_request_and_its_result(train, api):
    job = train().json()["job"]
    body = api.get(f"/jobs/{job}").json()
    assert (body["state"], body["progress"], body["error"]) == ("succeeded", 1.0, None)
    assert body["request"]["model"] == TREE
    assert body["result"]["version"] == 1
    assert body["started_at"] <= body["finished_at"]


def test_a_failed_job_has_its_error(train, api, make_dataset):
    make_dataset("lonely", LONELY)
    train(dataset_name="lonely")
    listed = api.get("/jobs?state=failed").json()["results"]
    assert listed[0]["error"]["code"] == "rare_class"
    assert listed[0]["result"] is None


def test_the_errors_of_all_fields_of_a_training_are_reported_together(train, make_dataset):
    make_dataset()
    params = {"max_depth": 0, "max_dept": 3}
    response = train(
        model=TREE | {"params": params},
        target_column="specis",
        features=["colours"],
        test_size=2,
        timeout_s=0,
    )
    body = response.json()
    assert response.status_code == 400
    assert list(body["fields"]) == ["model.params", "test_size", "target_column", "features", "timeout_s"]
    assert len(body["fields"]["model.params"]) == 2
    assert (body["detail"], body["code"]) == (body["fields"]["model.params"][0], "invalid_parameter")


def test_an_unknown_algorithm_is_reported_with_the_columns(train, make_dataset):
    make_dataset()
    body = train(model={"module": "tree", "class": "Oak"}, target_column="specis", random_state=1).json()
    assert list(body["fields"]) == ["model", "target_column"]


def test_a_job_that_does_not_exist_returns_404(api):
    assert api.get("/jobs/99").json() == {
        "detail": "There is no job 99.",
        "code": "job_not_found",
        "fields": {},
    }


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 25), ("wait=3", 3), ("wait=600", 60), ("respond-async", 0), ("respond-async, wait=10", 10),
        ("Wait = 7", 7), ("nonsense", 25), ("wait=-1", 25),
    ],
)  # fmt: skip
def test_the_prefer_header_sets_the_waiting_time(header, seconds):
    assert waiting.preferred_wait(header) == seconds


def test_a_request_that_cannot_wait_returns_202_immediately(api, make_dataset, settings, monkeypatch):
    settings.JOB_QUEUED_HOOK = ""  # no worker: a request that waits would wait for 25 seconds
    make_dataset()
    monkeypatch.setattr(waiting, "waiting_requests", threading.Semaphore(0))
    response = api.post("/train", {"dataset_name": "flowers", "model": TREE})
    assert (response.status_code, response.data["state"]) == (202, "queued")


def test_the_log_of_a_job_is_returned_in_lines(train, api):
    job = train().json()["job"]
    TrainingJob.objects.filter(pk=job).update(log="one\ntwo")
    assert api.get(f"/jobs/{job}/log").json() == {"job": job, "lines": ["one", "two"]}


def test_a_queued_job_can_be_cancelled_and_retried(train, api):
    job = train().json()["job"]
    assert api.post(f"/jobs/{job}/cancel").status_code == 409
    TrainingJob.objects.filter(pk=job).update(state="queued")
    assert api.post(f"/jobs/{job}/cancel").json()["state"] == "cancelled"
    again = api.post(f"/jobs/{job}/retry")
    assert again.status_code == 202
    assert api.get(again["Location"]).json()["result"]["version"] == 2


@pytest.mark.parametrize("call", ["cancel", "retry", "log"])
def test_operations_on_a_job_that_does_not_exist_return_404(api, call):
    method = api.get if call == "log" else api.post
    assert method(f"/jobs/99/{call}").status_code == 404


def test_responses_exclude_the_points_of_the_residual_plot(train, api):
    regressor = {"module": "tree", "class": "DecisionTreeRegressor"}
    metrics = train(model=regressor, target_column="width").json()["metrics"]
    assert "rmse" in metrics
    assert "residuals" not in metrics
    assert "residuals" not in api.get("/models/flowers/1").json()["metrics"]


def test_only_administrators_get_the_traceback_of_a_job(train, api, make_user):
    job = train().json()["job"]
    TrainingJob.objects.filter(pk=job).update(state="failed", traceback="Traceback: line 7")
    assert api.get(f"/jobs/{job}").json()["traceback"] == "Traceback: line 7"
    api.force_authenticate(make_user("release manager"))
    assert api.get(f"/jobs/{job}").json()["traceback"] is None
