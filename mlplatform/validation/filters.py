"""The base class of the filters of lists, on pages and in the API."""

import django_filters
from django import forms

from mlplatform.validation import integers, sentences
from mlplatform.validation.serializers import MAX_VERSION


class VersionFilter(django_filters.NumberFilter):
    """The number of a version, from 1 to the largest that the database can hold."""

    field_class = forms.IntegerField

    def __init__(self, *args, **options):
        super().__init__(*args, min_value=1, max_value=MAX_VERSION, **options)

    def get_max_validator(self):
        return None  # the field has one


class FilterSet(django_filters.FilterSet):
    """Filters with our sentences; an invalid filter matches nothing, since an unfiltered list would mislead.

    Pages and API views reject unknown query parameters, which are not all filters.
    """

    @classmethod
    def page_parameters(cls) -> tuple[str, ...]:
        """The query parameters of a page with this list."""
        return (*cls.base_filters, "page")

    @property
    def form(self):
        if not hasattr(self, "_form"):
            for field in super().form.fields.values():
                sentences.replace_defaults(field)
                integers.refuse_others(field)
        return self._form

    @property
    def qs(self):
        return self.queryset.none() if self.is_bound and self.errors else super().qs
