"""Sign the records that exist. In a migration of its own, as PostgreSQL cannot change rows and their table at once."""

from django.db import migrations

from mlplatform import hashing


def sign_verifications(apps, schema_editor):
    records = apps.get_model("serving", "Verification").objects.filter(hmac="").select_related("model_version")
    for record in records.iterator(chunk_size=100):
        version = record.model_version
        artifact = {
            "dataset": version.dataset_id,
            "number": version.number,
            "sha256": version.artifact_sha256,
        }
        signed = artifact | {"libraries": version.libraries}
        if not hashing.is_signed("artifact", signed, version.artifact_hmac):
            continue  # with its key, sign_artifacts signs both
        facts = artifact | {
            "engine": record.engine,
            "reason": record.reason,
            "golden_rows": record.golden_rows,
            "predictions": record.predictions,
            "probabilities": record.probabilities,
        }
        record.hmac = hashing.sign("verification", facts)
        record.save(update_fields=["hmac"])


class Migration(migrations.Migration):
    dependencies = [
        ("serving", "0007_verification_hmac"),
        ("registry", "0008_sign_number_and_libraries"),
    ]

    operations = [migrations.RunPython(sign_verifications, migrations.RunPython.noop)]
