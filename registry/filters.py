import django_filters
from django.db.models import Q

from mlplatform.validation.filters import FilterSet, VersionFilter
from registry.models import ModelVersion, Stage


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
    ordering = django_filters.OrderingFilter(
        fields={
            "trained_at": "trained_at",
            "dataset__name": "dataset",
            "number": "version",
            "algorithm": "algorithm",
            "promoted_at": "promoted_at",
        },
        field_labels={"trained_at": "Trained", "dataset__name": "Dataset", "promoted_at": "Released"},
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
