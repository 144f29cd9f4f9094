"""Django admin: read-only pages of every table."""

import io

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from catalog.derivation.models import Derivation, DerivationInput
from catalog.discovery import metadata
from catalog.imports.drafts import store_draft
from catalog.models import ImportJob
from mlplatform.idempotency import keys
from mlplatform.lists import saved_filters
from registry import labels
from registry.models import Diagnostics, Evaluation, MirroredModel, MirroredVersion

OURS = [
    model
    for name in ("mlplatform", "catalog", "registry", "serving")
    for model in apps.get_app_config(name).get_models()
]


@pytest.fixture
def registry_rows(make_version, admin):
    from registry.cards import revisions
    from registry.models import TrainingGroup, Trial
    from registry.releases import usage
    from registry.releases.promotion import promote
    from serving.batch.service import score
    from serving.models import CompatibilityCheck

    version = make_version()
    Evaluation.objects.create(
        model_version=version,
        dataset_version=version.dataset_version,
        dataset_name="flowers",
        number=1,
        requested_by=admin,
    )
    Diagnostics.objects.create(model_version=version, sections={}, duration_s=1)
    metadata.edit(version.dataset, tags=["flowers"], by=admin)
    labels.set_tag(version, key="flowers", value="cut", by=admin)
    labels.set_alias(version, alias="flowers", by=admin)
    MirroredVersion.objects.create(model_version=version)
    MirroredModel.objects.create(dataset=version.dataset)
    promote(version, stage="staging", by=admin)
    revisions.save(version, revision=0, by=admin, owner="flowers")
    usage.add({version.releases.first().pk: {"requests": 1}})
    group = TrainingGroup.objects.create(job=version.job, kind="models", metric="accuracy")
    Trial.objects.create(group=group, number=1, algorithm=version.algorithm, model_version=version)
    CompatibilityCheck.objects.create(model_version=version, lease_expires_at=timezone.now())
    table = io.BytesIO(b"length,width,colour\n9,1.6,blue\n")
    score("flowers", stage="staging", file=table, filename="flowers.csv", by=admin, as_job=True)
    keys.claim(admin, key="flowers-1", operation="POST /promote", fingerprint="")
    draft = store_draft(io.BytesIO(b"a,b\n1,2\n"), filename="flowers.csv", by=admin)
    fields = {"filename": "flowers.csv", "name": "flowers", "size_bytes": draft.size_bytes}
    ImportJob.objects.create(draft=draft, keeps_draft=True, new_version=False, requested_by=admin, **fields)
    query = Derivation.objects.create(
        sql="SELECT * FROM flowers", is_volatile=False, on_new_version=False, created_by=admin
    )
    DerivationInput.objects.create(
        derivation=query,
        dataset_name="flowers",
        version_number=1,
        is_pinned=False,
        version=version.dataset_version,
    )
    saved_filters.save(admin, page="/catalog/", name="flowers", query="q=flowers")


def test_every_model_has_a_list_and_a_detail_page(page, registry_rows, subtests):
    for model in OURS:
        with subtests.test(model=model.__name__):
            meta = model._meta
            url = f"admin:{meta.app_label}_{meta.model_name}"
            listed = page.get(reverse(f"{url}_changelist"), {"q": "flowers"})
            assert listed.status_code == 200
            row = model.objects.first()
            assert str(row) in listed.text or "flowers" in listed.text
            assert page.get(reverse(f"{url}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_admin_pages_are_read_only(rf, admin, model):
    from django.contrib import admin as site

    request = rf.get("/admin/")
    request.user = admin
    model_admin = site.site.get_model_admin(model)
    assert not model_admin.has_add_permission(request)
    assert not model_admin.has_change_permission(request)
    assert not model_admin.has_delete_permission(request)


def test_a_user_who_sent_an_idempotency_key_can_be_deleted(page, make_user):
    user = make_user("viewer")
    keys.claim(user, key="k1", operation="POST /promote", fingerprint="")
    assert page.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=user.pk).exists()


def test_every_model_is_registered():
    assert [model for model in OURS if not admin.site.is_registered(model)] == []


def test_the_list_of_model_versions_has_a_constant_number_of_queries(
    page, make_dataset, make_version, django_assert_max_num_queries
):
    source = make_dataset()
    for _ in range(3):
        make_version(source)
    url = reverse("admin:registry_modelversion_changelist")
    page.get(url)
    with django_assert_max_num_queries(25) as few:
        page.get(url)
    for _ in range(10):
        make_version(source)
    with django_assert_max_num_queries(len(few)):
        page.get(url)


def test_only_administrators_can_open_the_admin(client, make_user):
    for role in ("viewer", "data scientist", "release manager"):
        client.force_login(make_user(role))
        assert client.get("/admin/").status_code == 302
    client.force_login(make_user("administrator"))
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/auth/user/").status_code == 200


def test_model_versions_are_filtered_by_the_stage_in_which_they_are_live(page, registry_rows):
    url = reverse("admin:registry_modelversion_changelist")
    for stage, count in (("staging", 1), ("production", 0)):
        assert len(page.get(url, {"live_in": stage}).context["cl"].result_list) == count
