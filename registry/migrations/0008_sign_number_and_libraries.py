"""Artifacts were signed for their dataset only. Sign again what the former signature admits."""

from django.db import migrations

from mlplatform import hashing
from registry import artifacts


def sign_number_and_libraries(apps, schema_editor):
    versions = apps.get_model("registry", "ModelVersion").objects.only(
        "dataset_id", "number", "artifact_sha256", "artifact_hmac", "libraries"
    )
    for version in versions.iterator():
        if not artifacts.has_former_signature(version):
            continue  # with its key, sign_artifacts does it
        facts = {
            "dataset": version.dataset_id,
            "number": version.number,
            "sha256": version.artifact_sha256,
            "libraries": version.libraries,
        }
        version.artifact_hmac = hashing.sign("artifact", facts)
        version.save(update_fields=["artifact_hmac"])


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_retrained_from")]

    operations = [migrations.RunPython(sign_number_and_libraries, migrations.RunPython.noop)]
