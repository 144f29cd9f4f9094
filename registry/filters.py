import django_filters
from django.db.models import Q

from mlplatform.validation.filters import FilterSet, VersionFilter
from registry.evaluation import definitions
from registry.models import ModelVersion, Stage
from registry.querysets import metric


class ModelOrdering(django_filters.OrderingFilter):
    """Orders by a column or a metric; versions without the metric are last."""

    def get_ordering_value(self, param):
        name = param.removeprefix("-")
        if name not in definitions.BY_NAME:
            return super().get_ordering_value(param)
        value = metric(name)
        return value.desc(nulls_last=True) if param.startswith("-") else value.asc(nulls_last=True)


class ModelFilter(FilterSet):
    """Filters the list of model versions, on the page and in the API."""

    q = django_filters.CharFilter(method="search", label="Dataset or algorithm contains")
    dataset = django_filters.CharFilter(field_name="dataset__name", label="Dataset")
    dataset_version = VersionFilter(field_name="dataset_version__number", label="Dataset version")
    environment = django_filters.ChoiceFilter(method="live_in", choices=Stage.choices, label="Live in")
    reached = django_filters.ChoiceFilter(choices=Stage.choices, label="Highest stage")
    algorithm = django_filters.CharFilter(field_name="algorithm", label="Algorithm")
    task = django_filters.ChoiceFilter(
        choices=[(task, task) for task in ("classification", "regression", "clustering")], label="Task"
    )
    ordering = ModelOrdering(
        fields={
            "trained_at": "trained_at",
            "dataset__name": "dataset",
            "number": "version",
            "algorithm": "algorithm",
            "promoted_at": "promoted_at",
        }
        | {f"metrics__{name}": name for name in definitions.BY_NAME},
        field_labels={"trained_at": "Trained", "dataset__name": "Dataset", "promoted_at": "Released"}
        | {f"metrics__{name}": metric.label for name, metric in definitions.BY_NAME.items()},
        label="Order",
        empty_label="Default",
    )

    class Meta:
        model = ModelVersion
        fields = [
            "q",
            "dataset",
            "dataset_version",
            "environment",
            "reached",
            "algorithm",
            "task",
            "ordering",
        ]

    def live_in(self, queryset, name, value):
        return queryset.live_in(value)

    def search(self, queryset, name, value):
        return queryset.filter(Q(dataset__name__icontains=value) | Q(algorithm__icontains=value))
