from django.db import migrations, models


def set_digests(apps, schema_editor):
    """By the rule of the code, so that uploading a stored file again still finds its version."""
    from catalog.readers.recipe import ParseRecipe

    versions = apps.get_model("catalog", "DatasetVersion").objects
    for pk, recipe in versions.values_list("pk", "recipe").iterator(chunk_size=100):
        versions.filter(pk=pk).update(recipe_digest=ParseRecipe.from_dict(recipe).digest)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0009_import_jobs")]

    operations = [
        migrations.AddField(
            model_name="datasetversion",
            name="recipe_digest",
            field=models.CharField(default="", help_text="The SHA-256 of the recipe.", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="datasetversion",
            name="corrections",
            field=models.JSONField(
                default=dict,
                help_text="What its user has set of the recipe: see catalog.readers.corrections.Corrections.",
            ),
        ),
        migrations.AddField(
            model_name="datasetversion",
            name="findings",
            field=models.JSONField(
                default=list, help_text="What was assumed about the file: see catalog.readers.recipe.Finding."
            ),
        ),
        migrations.RunPython(set_digests, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="datasetversion", name="dataset_version_bytes"),
        migrations.AddConstraint(
            model_name="datasetversion",
            constraint=models.UniqueConstraint(
                fields=("dataset", "sha256", "recipe_digest"), name="dataset_version_bytes_and_recipe"
            ),
        ),
    ]
