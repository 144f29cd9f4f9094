from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("serving", "0004_job_without_task")]

    operations = [migrations.RenameField("ScoringJob", "notices", "input_warnings")]
