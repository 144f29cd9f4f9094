import django_filters

from catalog.models import ImportJob
from mlplatform.jobs.models import JobState
from mlplatform.validation.filters import FilterSet


class ImportJobFilter(FilterSet):
    """Filters of the import jobs, on the page and in the API."""

    dataset = django_filters.CharFilter(field_name="name", label="Dataset")
    state = django_filters.ChoiceFilter(choices=JobState.choices, label="State")

    class Meta:
        model = ImportJob
        fields = ["dataset", "state"]
