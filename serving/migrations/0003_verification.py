import django.db.models.deletion
from django.db import migrations, models


def rename_permissions(apps, schema_editor):
    """RenameModel does not rename the permissions, and so the groups and users that have them would lose access."""
    permissions = apps.get_model("auth", "Permission").objects
    for permission in permissions.filter(content_type__app_label="serving", codename__endswith="_proof"):
        permission.codename = permission.codename.replace("_proof", "_verification")
        permission.name = permission.name.replace("proof", "verification")
        permission.save()


class Migration(migrations.Migration):
    dependencies = [("serving", "0002_scoring_job"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.RunPython(rename_permissions, migrations.RunPython.noop),
        migrations.RenameModel("Proof", "Verification"),
        migrations.RenameField("Verification", "plan", "engine"),
        migrations.RenameField("Verification", "rows", "golden_rows"),
        migrations.AlterField(
            "Verification",
            "model_version",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="verification",
                serialize=False,
                to="registry.modelversion",
            ),
        ),
        migrations.AlterField(
            "Verification",
            "engine",
            models.CharField(
                choices=[
                    ("trees", "optimised trees"),
                    ("estimator", "estimator on arrays"),
                    ("pipeline", "full pipeline"),
                ],
                max_length=20,
            ),
        ),
    ]
