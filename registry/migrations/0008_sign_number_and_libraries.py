"""Artifacts were signed for their dataset only. Sign again what the former signature admits."""

import hmac

from django.conf import settings
from django.db import migrations
from django.utils.crypto import salted_hmac

from mlplatform import hashing


def sign_number_and_libraries(apps, schema_editor):
    versions = apps.get_model("registry", "ModelVersion").objects.only(
        "dataset_id", "number", "artifact_sha256", "artifact_hmac", "libraries"
    )
    for version in versions.iterator():
        if not any(
            hmac.compare_digest(former_signature(version, secret), version.artifact_hmac)
            for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        ):
            continue  # it was refused, and still is
        facts = {
            "dataset": version.dataset_id,
            "number": version.number,
            "sha256": version.artifact_sha256,
            "libraries": version.libraries,
        }
        version.artifact_hmac = hashing.sign("artifact", facts)
        version.save(update_fields=["artifact_hmac"])


def former_signature(version, secret):
    value = f"{version.dataset_id}:{version.artifact_sha256}"
    return salted_hmac("registry.artifacts", value, secret=secret, algorithm="sha256").hexdigest()


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_retrained_from")]

    operations = [migrations.RunPython(sign_number_and_libraries, migrations.RunPython.noop)]
