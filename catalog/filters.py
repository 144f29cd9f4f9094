from operator import itemgetter

import django_filters
from django import forms

from catalog.models import DatasetVersion
from catalog.readers.formats import FORMATS
from mlplatform.metadata import tags
from mlplatform.metadata.favourites import FavouriteFilter
from mlplatform.validation.filters import FilterSet

DATE = forms.DateInput(attrs={"type": "date"})


class DatasetFilter(FilterSet):
    """Filters the list of datasets, on the page and in the API."""

    q = django_filters.CharFilter(field_name="dataset__name", lookup_expr="icontains", label="Name contains")
    tag = django_filters.CharFilter(method="tagged", label="Tag")
    favourite = FavouriteFilter()
    format = django_filters.ChoiceFilter(
        choices=sorted(((form.name, form.label) for form in FORMATS.values()), key=itemgetter(1)),
        label="Format",
    )
    created_by = django_filters.CharFilter(field_name="created_by__username", label="Uploaded by")
    created_after = django_filters.DateFilter(
        field_name="created_at", lookup_expr="date__gte", label="Uploaded since (UTC)", widget=DATE
    )
    created_before = django_filters.DateFilter(
        field_name="created_at", lookup_expr="date__lte", label="Uploaded until (UTC)", widget=DATE
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
        fields = [
            "q",
            "tag",
            "favourite",
            "format",
            "created_by",
            "created_after",
            "created_before",
            "ordering",
        ]

    def tagged(self, queryset, name, value):
        return queryset.filter(dataset__tags__name=tags.spelled(value))
