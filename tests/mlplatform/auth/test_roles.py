"""Roles and their permissions, on pages and in the API."""

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from rest_framework.test import APIClient

from mlplatform.auth import roles

PERMISSIONS = {
    None: set(),
    "viewer": {"view", "predict"},
    "data scientist": {"view", "predict", "upload", "train", "promote_staging"},
    "release manager": {
        "view",
        "predict",
        "upload",
        "train",
        "promote_staging",
        "promote_production",
        "delete",
    },
    "administrator": set(roles.DENIED),
}


def test_a_migration_creates_a_group_for_every_role(db):
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.ROLES)


@pytest.mark.parametrize("role", PERMISSIONS)
def test_every_role_has_its_permissions(make_user, role):
    assert roles.permissions_of(make_user(role)) == PERMISSIONS[role]


def test_a_superuser_has_all_permissions_and_a_disabled_account_none(make_user):
    assert roles.permissions_of(make_user(None, username="root", is_superuser=True)) == set(roles.DENIED)
    assert roles.permissions_of(make_user("administrator", username="gone", is_active=False)) == set()


# Permission, page request (method, path, form), API request (method, path, body)
OPERATIONS = [
    ("view", "get", "/catalog/", {}, "get", "/datasets", {}),
    ("view", "get", "/registry/models/flowers/1/", {}, "get", "/models/flowers/1", {}),
    ("predict", "post", "/serving/flowers/dev/", {"input-0": 1, "input-1": 1, "input-2": "red"}, "post", "/predict",
     {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": [[1, 1, "red"]]}}),
    ("upload", "post", "/catalog/add-example/", {"name": "iris"}, "post", "/train",
     {"dataset_name": "wine", "use_example": True,
      "model": {"module": "tree", "class": "DecisionTreeClassifier"}}),
    ("train", "post", "/registry/train/", {"dataset": "flowers", "algorithm": "DecisionTreeClassifier",
     "target": "species", "test_size": "0.2"}, "post", "/train",
     {"dataset_name": "flowers", "model": {"module": "tree", "class": "DecisionTreeClassifier"}}),
    ("promote_staging", "post", "/registry/models/flowers/1/promote/", {"stage": "staging"}, "post", "/promote",
     {"dataset_name": "flowers", "version": 2, "target_stage": "staging"}),
    ("promote_production", "post", "/registry/models/flowers/1/promote/", {"stage": "production"}, "post", "/promote",
     {"dataset_name": "flowers", "version": 2, "target_stage": "production"}),
    ("delete", "post", "/registry/models/flowers/1/delete/", {}, "delete", "/models/flowers/2", {}),
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation[0])
def test_pages_and_api_require_the_same_permission(
    client, make_user, make_dataset, make_version, settings, operation
):
    settings.JOB_QUEUED_HOOK = ""  # a training is queued, not run
    permission, method, page, form, call, address, body = operation
    source = make_dataset()
    for _ in range(3):
        make_version(source)
    api = APIClient()
    for role, permissions in PERMISSIONS.items():
        with transaction.atomic():
            user = make_user(role)
            client.force_login(user)
            api.force_authenticate(user)
            by_page = getattr(client, method)(page, form).status_code
            by_api = getattr(api, call)(address, body, HTTP_PREFER="respond-async").status_code
            transaction.set_rollback(True)  # every role finds the same rows
        if permission in permissions:
            assert (by_page in {200, 302}, by_api in {200, 201, 202, 204}) == (True, True), role
        else:
            assert (by_page, by_api) == (403, 403), role


@pytest.mark.parametrize(
    ("path", "data", "role"),
    [
        ("/registry/models/flowers/1/promote/", {"stage": "production"}, "release manager"),
        ("/registry/models/flowers/1/promote/", {"stage": "staging"}, "data scientist"),
        ("/serving/flowers/production/rollback/", {}, "release manager"),
        ("/serving/flowers/dev/retire/", {}, "data scientist"),
    ],
)
def test_a_viewer_is_told_the_role_that_the_stage_needs(client, make_user, path, data, role):
    client.force_login(make_user("viewer"))
    for response in (client.get(path, data), client.post(path, data)):
        assert response.status_code == 403
        assert f"It requires the {role} role." in response.text


def test_a_missing_role_is_explained(client, make_user):
    user = make_user(None)
    client.force_login(user)
    assert "Ask an administrator" in client.get("/", headers={"Accept": "text/html"}).content.decode()
    api = APIClient()
    api.force_authenticate(user)
    assert "Ask an administrator" in api.get("/datasets").json()["detail"]


@pytest.mark.parametrize("path", ["/", "/catalog/", "/catalog/upload/", "/registry/train/", "/registry/jobs/",
                                  "/registry/models/", "/serving/", "/accounts/tokens/", "/admin/"])  # fmt: skip
def test_every_page_redirects_anonymous_visitors_to_sign_in(client, db, path):
    response = client.get(path)
    assert response.status_code == 302
    assert "/login/" in response["Location"]
