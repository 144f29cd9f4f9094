"""What lists read: rows without the wide JSON columns (signatures, metrics), so that length costs little."""

from django.db.models import FloatField, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from registry.evaluation.charts import HEADLINES
from registry.models import ModelVersion, Release, TrainingJob

WIDE = ("features", "parameters", "signature", "metrics", "warnings", "libraries")


def models() -> QuerySet[ModelVersion]:
    """Model versions, with the task's one figure as `headline`."""
    figures = [Cast(KT(f"metrics__{key}"), FloatField()) for key in HEADLINES.values()]
    return ModelVersion.objects.for_lists().defer(*WIDE).annotate(headline=Coalesce(*figures))


def jobs() -> QuerySet[TrainingJob]:
    """Training jobs, with the class of the algorithm as `class_name`: the request may name 5,000 columns."""
    return job_pages().defer("request", "timings", "warnings", "model_version__metrics")


def job_pages() -> QuerySet[TrainingJob]:
    """As jobs(), with what the page of one shows: its request, timings and warnings, and its model's metrics."""
    unseen = [path for path in _through("model_version") if not path.endswith("__metrics")]
    return TrainingJob.objects.for_lists().defer(*unseen).annotate(class_name=KT("request__model__class"))


def releases() -> QuerySet[Release]:
    return Release.objects.with_versions().defer(*_through("model_version"))


def _through(relation: str) -> list[str]:
    return [f"{relation}__{column}" for column in WIDE]
