from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("serving", "0006_compatibility_check"),
    ]

    operations = [
        migrations.AddField(
            model_name="verification",
            name="hmac",
            field=models.CharField(
                default="", help_text="The signature of this record and its artifact.", max_length=64
            ),
            preserve_default=False,
        ),
    ]
