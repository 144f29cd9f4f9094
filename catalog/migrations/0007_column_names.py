from django.db import migrations, models

BATCH = 50  # a recipe can have thousands of columns


def fill(apps, schema_editor):
    """As DatasetVersion.save() does for new rows."""
    versions = apps.get_model("catalog", "DatasetVersion").objects
    changed = []
    for version in versions.filter(column_names="").only("recipe").iterator(BATCH):
        columns = version.recipe["columns"]
        version.column_names = "".join(f"\n{column['name']}" for column in columns) + "\n"
        changed.append(version)
        if len(changed) == BATCH:
            versions.bulk_update(changed, ["column_names"])
            changed = []
    versions.bulk_update(changed, ["column_names"])


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0006_drafts'),
    ]

    operations = [
        migrations.AddField(
            model_name='datasetversion',
            name='column_names',
            field=models.TextField(default='', help_text='For the search: the names, each between two line feeds. Set when the row is added.'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
