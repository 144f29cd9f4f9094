"""The base class of the filters of lists, on pages and in the API."""

import django_filters

from mlplatform.validation import sentences


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
        return self._form

    @property
    def qs(self):
        return self.queryset.none() if self.is_bound and self.errors else super().qs
