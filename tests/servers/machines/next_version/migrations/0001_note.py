"""As the rules for upgrades ask: a new column, which processes of the earlier version do not notice."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE registry_release ADD COLUMN note varchar(100) NOT NULL DEFAULT ''",
            "ALTER TABLE registry_release DROP COLUMN note",
        )
    ]
