from operator import itemgetter

import django_filters

from catalog.models import DatasetVersion
from catalog.readers.formats import FORMATS
from mlplatform.validation.filters import FilterSet


class DatasetFilter(FilterSet):
    """Filters the list of datasets, on the page and in the API."""

    q = django_filters.CharFilter(field_name="dataset__name", lookup_expr="icontains", label="Name contains")
    tag = django_filters.CharFilter(method="tagged", label="Tag")
    format = django_filters.ChoiceFilter(
        choices=sorted(((form.name, form.label) for form in FORMATS.values()), key=itemgetter(1)),
        label="Format",
    )
    ordering = django_filters.OrderingFilter(
        fields={
            "dataset__name": "name",
            "created_at": "created_at",
            "row_count": "rows",
            "column_count": "columns",
            "size_bytes": "size",
        },
        field_labels={"created_at": "Uploaded", "dataset__name": "Name"},
        label="Order",
        empty_label="Default",
    )

    class Meta:
        model = DatasetVersion
        fields = ["q", "tag", "format", "ordering"]

    def tagged(self, queryset, name, value):
        return queryset.filter(dataset__tags__name=" ".join(value.lower().split()))
