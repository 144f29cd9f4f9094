"""Copies of the only model of a platform under many names, whose artifact they share, each with its signatures.

As many scoring jobs and imports have ended, and each dataset has a query that runs again over new versions.
"""

import sys

QUERY = {"sql": "SELECT * FROM flowers", "is_volatile": False, "on_new_version": True}


def main(models: int, datasets: int) -> None:
    import django

    django.setup()
    from django.contrib.auth import get_user_model

    from benchmarks.pages import crowd
    from registry import artifacts
    from registry.models import ModelVersion
    from serving.engine import registration
    from serving.models import Verification

    model = ModelVersion.objects.get()
    record = Verification.objects.get(pk=model.pk)
    user = get_user_model().objects.get(username="admin")
    releases = model.releases.filter(stage="dev")
    crowd(
        model, model.dataset_version, user, count=models, dataset_count=datasets + 1, release=releases.get()
    )
    copies = list(ModelVersion.objects.exclude(pk=model.pk).select_related("dataset"))
    for version in copies:
        version.artifact_hmac = artifacts.sign(version)
    ModelVersion.objects.bulk_update(copies, ["artifact_hmac"], batch_size=500)
    Verification.objects.bulk_create(_record(record, version, registration) for version in copies)
    _end_jobs(models, user)
    _derive(user)


def _end_jobs(count: int, user) -> None:
    from django.utils import timezone

    from catalog.models import ImportJob
    from serving.models import ScoringJob

    ended = {
        "state": "succeeded", "attempt": 1, "finished_at": timezone.now(), "requested_by": user,
        "filename": "flowers.csv",
    }  # fmt: skip
    file = {
        "format": "csv",
        "recipe": {},
        "rows": 1,
        "input_size": 1,
        "result_key": "flowers",
        "result_size": 1,
    }
    scoring = ended | file | {"dataset_name": "flowers", "stage": "dev", "version": 1, "probabilities": False}
    ScoringJob.objects.bulk_create(ScoringJob(**scoring) for _ in range(count))
    added = ended | {"name": "flowers", "size_bytes": 1, "keeps_draft": False, "new_version": False}
    ImportJob.objects.bulk_create(ImportJob(**added) for _ in range(count))


def _derive(user) -> None:
    from catalog.derivation.models import Derivation, DerivationInput
    from catalog.models import DatasetVersion

    versions = DatasetVersion.objects.all()
    queries = Derivation.objects.bulk_create(
        Derivation(dataset_version=version, digest=str(version.pk), created_by=user, **QUERY)
        for version in versions
    )
    source = DatasetVersion.objects.get(dataset__name="flowers")
    DerivationInput.objects.bulk_create(
        DerivationInput(
            derivation=query, dataset_name="flowers", version_number=1, is_pinned=False, version=source
        )
        for query in queries
    )


def _record(record, version, registration):
    fields = {field.attname: getattr(record, field.attname) for field in record._meta.concrete_fields}
    copied = type(record)(**(fields | {"model_version_id": version.pk}))
    copied.hmac = registration.sign(copied, version)
    return copied


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
