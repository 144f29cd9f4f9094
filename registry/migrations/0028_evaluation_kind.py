from django.db import migrations, models
from django.db.models import F


def set_kind(apps, schema_editor):
    """Each row once: PostgreSQL alters no table with rows that were updated twice in the same transaction."""
    evaluations = apps.get_model("registry", "Evaluation").objects
    on_its_own_data = evaluations.filter(dataset_version=F("model_version__dataset_version"))
    on_its_own_data.filter(is_learning_curve=False).update(kind="diagnostics")
    evaluations.filter(is_learning_curve=True).update(kind="learning_curve")


def set_is_learning_curve(apps, schema_editor):
    evaluations = apps.get_model("registry", "Evaluation").objects
    evaluations.filter(kind="learning_curve").update(is_learning_curve=True)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0027_imported_models"),
    ]

    operations = [
        migrations.AddField(
            model_name="evaluation",
            name="kind",
            field=models.CharField(
                choices=[
                    ("other_data", "other data"),
                    ("diagnostics", "diagnostics"),
                    ("learning_curve", "learning curve"),
                ],
                default="other_data",
                max_length=20,
            ),
        ),
        migrations.RunPython(set_kind, set_is_learning_curve),
        migrations.RemoveField(
            model_name="evaluation",
            name="is_learning_curve",
        ),
    ]
