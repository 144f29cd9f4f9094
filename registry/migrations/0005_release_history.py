"""Releases outlive their version, record how they ended, and rollbacks record which release they went back to."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

STAGES = [("dev", "dev"), ("staging", "staging"), ("production", "production")]


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("registry", "0004_help_texts"),
    ]

    operations = [
        migrations.RemoveConstraint("modelversion", name="model_version_stage"),
        migrations.RenameField("modelversion", "stage", "reached"),
        migrations.AddConstraint(
            "modelversion",
            models.CheckConstraint(
                condition=Q(reached__in=["dev", "staging", "production"]), name="model_version_reached"
            ),
        ),
        migrations.AlterField(
            "release",
            "model_version",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="releases",
                to="registry.modelversion",
            ),
        ),
        migrations.AlterField(
            "release",
            "key",
            models.CharField(
                blank=True,
                help_text="The key of the artifact in the trained-models bucket; empty if the version was deleted.",
                max_length=255,
            ),
        ),
        migrations.AddField(
            "release",
            "number",
            models.PositiveIntegerField(default=0, help_text="The number of the model version."),
            preserve_default=False,
        ),
        migrations.AddField(
            "release",
            "restores",
            models.ForeignKey(
                help_text="The training or promotion that a rollback went back to.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="registry.release",
            ),
        ),
        migrations.AddField(
            "release",
            "ending",
            models.CharField(
                blank=True,
                choices=[("replaced", "replaced"), ("retired", "retired"), ("deleted", "version deleted")],
                default="",
                max_length=20,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "release",
            "ended_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="ended_releases",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "release",
            "end_reason",
            models.TextField(blank=True, default="", help_text="Why the stage was retired."),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            "release",
            models.CheckConstraint(
                condition=Q(model_version__isnull=False) | Q(ended_at__isnull=False),
                name="live_release_has_version",
            ),
        ),
    ]
