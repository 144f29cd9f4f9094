from django.db import migrations

CHUNK = 500


def record_metrics(apps, schema_editor):
    """The numbers of each version's metrics as rows, and the duration of its training. Safe to run twice."""
    ModelVersion = apps.get_model("registry", "ModelVersion")
    MetricValue = apps.get_model("registry", "MetricValue")
    fields = ("pk", "metrics", "job__started_at", "job__finished_at", "trial__duration_s")
    # The keys first: SQLite would go on reading while it writes.
    keys = list(ModelVersion.objects.values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        rows, timed = [], []
        for pk, metrics, started, finished, trial_s in ModelVersion.objects.filter(
            pk__in=keys[start : start + CHUNK]
        ).values_list(*fields):
            intervals, train = metrics.get("intervals") or {}, metrics.get("train") or {}
            for name, value in metrics.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    low, high = intervals.get(name) or (None, None)
                    rows.append(
                        MetricValue(
                            model_version_id=pk, name=name, value=value, low=low, high=high, train=train.get(name)
                        )
                    )
            if trial_s is None and started and finished:
                trial_s = (finished - started).total_seconds()
            timed.append(ModelVersion(pk=pk, training_s=trial_s))
        MetricValue.objects.bulk_create(rows, ignore_conflicts=True)
        ModelVersion.objects.bulk_update(timed, ["training_s"])


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0018_leaderboard"),
    ]

    operations = [migrations.RunPython(record_metrics, migrations.RunPython.noop)]
