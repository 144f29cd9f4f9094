"""MLflow's stages and aliases change releases by the platform's own operations."""

import pytest
from rest_framework.test import APIClient

from registry.mlflow import stages
from registry.models import ModelVersion, Release


def live() -> dict[str, int]:
    return dict(Release.objects.live().values_list("stage", "number"))


@pytest.fixture
def move(mlflow, versions):
    def move(number, stage, **fields):
        return mlflow(
            *("POST", "model-versions/transition-stage"),
            **{"name": "flowers", "version": str(number), "stage": stage} | fields,
        )

    return move


@pytest.fixture
def alias(mlflow, versions):
    def alias(method, name, number=None, **fields):
        fields |= {"name": "flowers", "alias": name} | ({"version": str(number)} if number else {})
        return mlflow(method, "registered-models/alias", **fields)

    return alias


def test_a_transition_promotes_and_archives_what_was_live(move, mlflow):
    status, body = move(1, "production", archive_existing_versions=True)
    assert (status, body["model_version"]["current_stage"]) == (200, "Production")
    assert move(2, "Production")[0] == 200
    assert live() == {"dev": 3, "production": 2}
    _, body = mlflow("GET", "model-versions/get", name="flowers", version="1")
    assert body["model_version"]["current_stage"] == "Archived"


def test_a_transition_can_be_repeated_and_is_one_release(move):
    assert [move(1, "Staging")[0] for _ in range(2)] == [200, 200]
    assert Release.objects.filter(stage="staging").count() == 1


def test_archiving_retires_the_stages_of_the_version(move):
    move(1, "Staging")
    move(1, "Production")
    status, body = move(1, "Archived")
    assert (status, body["model_version"]["current_stage"]) == (200, "Archived")
    assert live() == {"dev": 3}
    assert move(1, "Archived")[0] == 200


@pytest.mark.parametrize(
    ("number", "stage", "fields", "part"),
    [
        (1, "Nonsense", {}, "Value must be one of None, Staging, Production, Archived."),
        (1, "Archived", {}, "never live in staging or production"),
        (1, "None", {"archive_existing_versions": True}, "not an Active stage"),
    ],
)
def test_a_transition_that_is_not_possible_says_why(move, number, stage, fields, part):
    status, body = move(number, stage, **fields)
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert part in body["message"]


def test_a_rule_of_a_promotion_holds(move):
    move(1, "Production")
    status, body = move(1, "Staging")
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "A promotion moves a version up" in body["message"]
    assert move(1, "None")[0] == 400


def test_the_aliases_of_stages_are_their_releases(alias, mlflow):
    assert alias("POST", "champion", 1) == (200, {})
    assert alias("POST", "Staging", 2) == (200, {})
    assert alias("POST", "dev", 2) == (200, {})
    assert live() == {"dev": 2, "staging": 2, "production": 1}
    for name, number in {"champion": "1", "production": "1", "STAGING": "2", "latest": "3"}.items():
        assert alias("GET", name)[1]["model_version"]["version"] == number
    _, body = mlflow("GET", "model-versions/get", name="flowers", version="1")
    assert body["model_version"]["aliases"] == ["champion", "production"]


def test_deleting_the_alias_of_a_stage_retires_it(alias):
    alias("POST", "production", 1)
    assert [alias("DELETE", "champion") for _ in range(2)] == [(200, {})] * 2
    assert live() == {"dev": 3}
    status, body = alias("GET", "production")
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "was retired from production" in body["message"]


def test_any_other_alias_is_a_label(alias):
    assert alias("POST", "challenger", 1) == (200, {})
    assert alias("POST", "challenger", 2) == (200, {})
    assert alias("GET", "challenger")[1]["model_version"]["aliases"] == ["challenger"]
    assert [alias("DELETE", "challenger") for _ in range(2)] == [(200, {})] * 2
    assert alias("GET", "challenger")[1]["message"] == "Registered model alias challenger not found."
    assert live() == {"dev": 3}


@pytest.mark.parametrize("name", ["latest", "V3", "a b", "a/b", "a" * 256])
def test_reserved_and_malformed_aliases_are_refused(alias, name):
    assert alias("POST", name, 1)[0] == 400


def test_the_latest_version_of_each_stage(move, mlflow):
    move(1, "Production")
    move(2, "Production")

    def latest(**fields):
        _, body = mlflow("POST", "registered-models/get-latest-versions", name="flowers", **fields)
        return {one["current_stage"]: one["version"] for one in body["model_versions"]}

    assert latest() == {"Archived": "1", "Production": "2", "None": "3"}
    assert latest(stages=["production", "Archived"]) == {"Production": "2", "Archived": "1"}
    assert latest(stages=["dev"]) == {"None": "3"}
    status, _ = mlflow(
        *("POST", "registered-models/get-latest-versions"), name="flowers", stages=["Nonsense"]
    )
    assert status == 400


@pytest.fixture
def status(mlflow, versions, make_user):
    """The status of a call by a user of a role."""
    clients = {}
    for role in ("viewer", "data scientist", "release manager"):
        clients[role] = APIClient()
        clients[role].force_authenticate(make_user(role))

    def status(role, method, path, **fields):
        status, body = mlflow(method, path, client=clients[role], name="flowers", **fields)
        assert (status == 403) == (body.get("error_code") == "PERMISSION_DENIED")
        return status

    return status


def test_a_transition_needs_the_role_of_its_stage(status):
    transition = ("POST", "model-versions/transition-stage")
    assert status("data scientist", *transition, stage="Staging", version="1") == 200
    assert status("data scientist", *transition, stage="Production", version="1") == 403
    assert status("release manager", *transition, stage="Production", version="1") == 200
    assert status("data scientist", *transition, stage="Production", version="1") == 403


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "registered-models/alias", {"alias": "x", "version": "1"}),
        ("POST", "registered-models/alias", {"alias": "production", "version": "1"}),
        ("POST", "registered-models/alias", {"alias": "dev", "version": "3"}),
        ("DELETE", "registered-models/alias", {"alias": "champion"}),
        ("DELETE", "registered-models/alias", {"alias": "x"}),
        ("POST", "registered-models/set-tag", {"key": "a", "value": "b"}),
        ("DELETE", "registered-models/delete-tag", {"key": "a"}),
        ("POST", "model-versions/set-tag", {"key": "a", "value": "b", "version": "1"}),
        ("PATCH", "model-versions/update", {"description": "x", "version": "1"}),
        ("PATCH", "registered-models/update", {"description": "x"}),
        ("DELETE", "model-versions/delete", {"version": "1"}),
    ],
)
def test_a_viewer_changes_nothing(status, method, path, fields):
    assert status("viewer", method, path, **fields) == 403


def test_the_same_promotion_twice_at_once_succeeds_twice(versions, admin):
    for version in [ModelVersion.objects.numbered("flowers", 1) for _ in range(2)]:  # both read before
        stages.transition(version, stage="Production", by=admin)
    assert Release.objects.filter(stage="production").count() == 1
