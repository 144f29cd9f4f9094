"""Fill in the columns of 0005 for the releases that exist. In a migration of its own, as PostgreSQL cannot change a
table whose rows were changed in the same transaction."""

from django.db import migrations
from django.db.models import OuterRef, Subquery


def describe_existing_releases(apps, schema_editor):
    Release, ModelVersion = apps.get_model("registry", "Release"), apps.get_model("registry", "ModelVersion")
    numbers = ModelVersion.objects.filter(pk=OuterRef("model_version_id")).values("number")
    Release.objects.filter(model_version__isnull=False).update(number=Subquery(numbers))
    Release.objects.filter(ended_at__isnull=False, ending="").update(ending="replaced")
    # A rollback used the artifact of the release that it went back to, and every other release one of its own.
    for release in Release.objects.filter(kind="rollback", restores=None).order_by("pk"):
        release.restores = Release.objects.exclude(kind="rollback").filter(
            dataset=release.dataset_id, stage=release.stage, key=release.key, pk__lt=release.pk
        ).order_by("-pk").first()
        release.save(update_fields=["restores"])


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_release_history")]

    operations = [migrations.RunPython(describe_existing_releases, migrations.RunPython.noop)]
