from django.db import migrations, models


def move(apps, schema_editor):
    """The training rows that explanations compare with leave the sections. Safe to run twice."""
    Diagnostics = apps.get_model("registry", "Diagnostics")
    # One at a time: each can have 2 MB. The keys first: SQLite would go on reading while it writes.
    for pk in list(Diagnostics.objects.values_list("pk", flat=True)):
        one = Diagnostics.objects.get(pk=pk)
        if "background" in one.sections:
            one.background = one.sections.pop("background")
            Diagnostics.objects.filter(pk=pk).update(sections=one.sections, background=one.background)


def move_back(apps, schema_editor):
    Diagnostics = apps.get_model("registry", "Diagnostics")
    for pk in list(Diagnostics.objects.filter(background__isnull=False).values_list("pk", flat=True)):
        one = Diagnostics.objects.get(pk=pk)
        one.sections["background"] = one.background
        Diagnostics.objects.filter(pk=pk).update(sections=one.sections)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0024_list_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="diagnostics",
            name="background",
            field=models.JSONField(
                help_text="Training rows that explanations compare with: up to 2 MB, which pages do not read.", null=True
            ),
        ),
        migrations.RunPython(move, move_back),
    ]
