"""The API of model versions, artifacts and releases."""

import pytest

from registry.jobs.serializers import TrainedSerializer
from tests.registry.releases.conftest import tamper


def test_a_model_version_is_returned_with_all_its_fields(make_version, api, admin):
    make_version(description="first")
    body = api.get("/models/flowers/1").json()
    assert (body["name"], body["environment"], body["live_in"]) == ("flowers_model_dev_v1", "dev", ["dev"])
    assert (body["reached"], body["deletion"]) == (
        "dev",
        "Version 1 is live in dev. After its deletion, dev serves nothing, until a model is trained.",
    )
    assert (body["dataset"], body["dataset_version"], body["trained_by"]) == ("flowers", 1, admin.username)
    assert body["artifact_path"].endswith("/flowers_model_dev_v1.pkl")
    assert body["libraries"]["scikit-learn"]
    assert body["promoted_at"] is None
    assert body["signature"]["classes"] == ["rose", "tulip"]


def test_the_model_list_is_filtered_by_dataset_and_environment(make_version, make_dataset, api):
    make_version(make_dataset())
    make_version(make_dataset("roses"))
    api.post("/promote", {"dataset_name": "roses", "version": 1, "target_stage": "staging"})
    assert [row["dataset"] for row in api.get("/models?dataset=flowers").json()["results"]] == ["flowers"]
    assert [row["dataset"] for row in api.get("/models?environment=staging").json()["results"]] == ["roses"]
    assert api.get("/models?environment=prod").status_code == 400


def test_environment_means_where_a_version_is_live(make_version, make_dataset, api):
    source = make_dataset()
    for version in (1, 2):
        make_version(source)
        api.post("/promote", {"dataset_name": "flowers", "version": version, "target_stage": "production"})
    rows = {row["version"]: row for row in api.get("/models").json()["results"]}
    assert [rows[1][name] for name in ("environment", "live_in", "reached")] == [None, [], "production"]
    assert [rows[2][name] for name in ("environment", "live_in")] == ["production", ["dev", "production"]]
    for stage in ("dev", "production"):
        results = api.get(f"/models?environment={stage}").json()["results"]
        assert [row["version"] for row in results] == [2]
    assert api.get("/models?environment=staging").json()["results"] == []
    assert [row["version"] for row in api.get("/models?reached=production").json()["results"]] == [2, 1]
    assert api.get("/models?reached=dev").json()["results"] == []
    job = api.get(f"/jobs/{rows[1]['job']}").json()
    assert job["result"]["environment"] is None


def test_the_response_to_a_training_is_the_same_if_another_one_has_replaced_its_version(
    make_version, make_dataset
):
    source = make_dataset()
    replaced, live = make_version(source), make_version(source)
    assert (
        TrainedSerializer(replaced).data["environment"]
        == TrainedSerializer(live).data["environment"]
        == "dev"
    )


def test_a_retirement_returns_what_was_retired(make_version, api):
    make_version()
    body = {"dataset_name": "flowers", "environment": "dev", "reason": "done"}
    retired = api.post("/retire", body)
    assert retired.status_code == 200
    assert retired.json() | {"retired_at": None} == {
        "message": "Version 1 of `flowers` was retired from dev.", "dataset": "flowers", "version": 1,
        "environment": "dev", "retired_at": None, "retired_by": "ada", "reason": "done",
    }  # fmt: skip
    again = api.post("/retire", body)
    assert (again.status_code, again.json()["code"]) == (409, "already_retired")
    other = api.post("/retire", body | {"environment": "staging"})
    assert (other.status_code, other.json()["code"]) == (404, "no_live_model")
    assert api.post("/retire", body | {"environment": "prod"}).status_code == 400


def test_a_rollback_to_a_deleted_version_says_so(make_version, make_dataset, api):
    source = make_dataset()
    for version in (1, 2, 3):
        make_version(source)
        api.post("/promote", {"dataset_name": "flowers", "version": version, "target_stage": "production"})
    assert api.delete("/models/flowers/2").status_code == 204
    body = {"dataset_name": "flowers", "environment": "production", "to_version": 2}
    response = api.post("/rollback", body)
    assert (response.status_code, response.json()["code"]) == (409, "version_deleted")
    assert "Version 2 of `flowers` was deleted" in response.json()["detail"]
    assert "was deleted" in api.get("/models/flowers/2").json()["detail"]


def test_an_artifact_is_downloaded_as_a_file(make_version, api):
    make_version()
    response = api.get("/models/flowers/1/artifact")
    assert response["Content-Disposition"] == 'attachment; filename="flowers_model_dev_v1.pkl"'
    size = api.get("/models/flowers/1").json()["artifact_size"]
    assert len(b"".join(response.streaming_content)) == size


def test_a_promotion_returns_the_release(make_version, api):
    make_version()
    response = api.post("/promote", {"dataset_name": "flowers", "version": 1, "target_stage": "staging"})
    body = response.json()
    assert response.status_code == 200
    assert set(body) == {
        "message", "model_name", "dataset", "version", "environment", "artifact_path", "promoted_at",
    }  # fmt: skip
    assert (body["model_name"], body["environment"]) == ("flowers_model_staging_v1", "staging")
    again = api.post("/promote", {"dataset_name": "flowers", "version": 1, "target_stage": "staging"})
    assert (again.status_code, again.json()["code"]) == (400, "not_higher")


def test_a_dry_run_of_a_promotion_says_what_it_would_change_and_changes_nothing(
    make_version, make_dataset, api
):
    source = make_dataset()
    body = {"dataset_name": "flowers", "target_stage": "production"}
    make_version(source, params={"max_depth": 1})
    api.post("/promote", body | {"version": 1})
    make_version(source)
    plan = api.post("/promote", body | {"version": 2, "dry_run": True}).json()
    assert (plan["replaces"], plan["version"], plan["breaking_changes"]) == (1, 2, [])
    assert plan["same_test_rows"] is True
    accuracy = next(row for row in plan["metrics"] if row["metric"] == "accuracy")
    assert set(accuracy) == {
        "metric", "better", "live", "coming", "live_interval", "coming_interval", "verdict",
    }  # fmt: skip
    assert plan["predictions"]["rows"] == 5
    assert api.get("/models/flowers/2").json()["environment"] == "dev"


def test_a_promotion_that_breaks_requests_is_a_conflict_until_it_is_allowed(make_version, make_dataset, api):
    source = make_dataset()
    body = {"dataset_name": "flowers", "target_stage": "production"}
    make_version(source)
    api.post("/promote", body | {"version": 1})
    make_version(source, target="colour")
    plan = api.post("/promote", body | {"version": 2, "dry_run": True}).json()
    assert plan["breaking_changes"][0] == "Predicts a class of `colour` instead of a class of `species`."
    assert {one["verdict"] for one in plan["metrics"]} == {"not comparable"}
    assert plan["metrics"][0]["metric"] == "accuracy" and plan["predictions"] is None
    refused = api.post("/promote", body | {"version": 2})
    assert (refused.status_code, refused.json()["code"]) == (409, "signature_change")
    assert api.post("/promote", body | {"version": 2, "allow_signature_change": True}).status_code == 200


def test_a_rollback_returns_the_release(make_version, make_dataset, api):
    source = make_dataset()
    for version in (1, 2):
        make_version(source)
        api.post("/promote", {"dataset_name": "flowers", "version": version, "target_stage": "production"})
    body = api.post("/rollback", {"dataset_name": "flowers", "environment": "production"}).json()
    assert (body["version"], body["model_name"]) == (1, "flowers_model_production_v1")
    nothing = api.post("/rollback", {"dataset_name": "flowers", "environment": "staging"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "no_earlier_release")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"version": 9, "target_stage": "staging"}, 404),
        ({"version": 1, "target_stage": "prod"}, 400),
        ({"version": 0, "target_stage": "staging"}, 400),
        ({"version": "one", "target_stage": "staging"}, 400),
        ({"target_stage": "staging"}, 400),
    ],
)
def test_an_invalid_promotion_request_is_rejected(make_version, api, body, status):
    make_version()
    assert api.post("/promote", {"dataset_name": "flowers"} | body).status_code == status


def test_only_a_version_that_is_not_live_above_dev_can_be_deleted(make_version, make_dataset, api):
    source = make_dataset()
    make_version(source)
    api.post("/promote", {"dataset_name": "flowers", "version": 1, "target_stage": "staging"})
    assert api.delete("/models/flowers/1").status_code == 409
    make_version(source)
    assert api.delete("/models/flowers/2").status_code == 204
    assert api.get("/models/flowers/2").status_code == 404


def test_a_changed_artifact_returns_artifact_refused(make_version, api):
    make_version()
    tamper(api.get("/models/flowers/1").json()["artifact_path"].removeprefix("trained-models/"))
    refused = api.post("/promote", {"dataset_name": "flowers", "version": 1, "target_stage": "staging"})
    assert (refused.status_code, refused.json()["code"]) == (503, "artifact_refused")
    downloaded = api.get("/models/flowers/1/artifact")
    assert (downloaded.status_code, downloaded.json()["code"]) == (503, "artifact_refused")


def test_a_version_says_if_it_is_not_better_than_its_baseline(make_version, api):
    version = make_version()
    version.metrics |= {"accuracy": 0.1}
    version.save()
    [finding] = api.get("/models/flowers/1").json()["findings"][:1]
    assert finding.startswith("The model is not better than the baseline: Accuracy is 0.1")
