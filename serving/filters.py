import django_filters

from mlplatform.jobs.state_filter import StateFilter
from mlplatform.validation.filters import FilterSet, VersionFilter
from serving.models import ScoringJob


class ScoringJobFilter(FilterSet):
    """Filters of the scoring jobs, on the page and in the API."""

    dataset = django_filters.CharFilter(field_name="dataset_name", label="Dataset")
    dataset_version = VersionFilter(
        field_name="model_version__dataset_version__number", label="Dataset version"
    )
    state = StateFilter()

    class Meta:
        model = ScoringJob
        fields = ["dataset", "dataset_version", "state"]
