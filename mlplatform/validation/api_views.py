"""The base classes of API views, which reject query parameters and bodies that a call does not have."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from rest_framework import views

from mlplatform.validation import unknown_names


class StrictMixin:
    """Rejects unknown query parameters, and a body where a call has none. Serializers check the fields of bodies."""

    query_parameters: tuple[str, ...] = ()  # of GET
    list_parameters: tuple[str, ...] = ()  # those of them that can be repeated
    methods_without_body: tuple[str, ...] = ("DELETE",)

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if request.method not in self.allowed_methods:
            return  # 405
        is_read = request.method in {"GET", "HEAD", "OPTIONS"}
        known = self.get_query_parameters() if is_read else ()
        unknown_names.check_query(request.query_params, known, lists=self.list_parameters)
        if request.method in self.methods_without_body and request.data:
            if isinstance(request.data, Mapping):
                unknown_names.check(request.data, ())
            raise ValidationError("This call has no request body.", code="invalid")

    def get_query_parameters(self) -> tuple[str, ...]:
        return self.query_parameters


class APIView(StrictMixin, views.APIView):
    pass
