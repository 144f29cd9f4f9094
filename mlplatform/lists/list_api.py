"""The base class of the API's lists: pages in JSON, or all rows as CSV."""

from django.core.exceptions import ValidationError
from rest_framework import generics
from rest_framework.filters import BaseFilterBackend

from mlplatform.lists import csv_export
from mlplatform.validation.api_views import StrictMixin

EXPORT = "export"


class ExportParameter(BaseFilterBackend):
    """Describes the parameter `export` in the schema; the view reads it."""

    def filter_queryset(self, request, queryset, view):
        return queryset

    def get_schema_operation_parameters(self, view):
        text = "`csv` returns all rows as CSV for spreadsheets, with the same filters and order."
        schema = {"type": "string", "enum": ["csv"]}
        return [{"name": EXPORT, "required": False, "in": "query", "description": text, "schema": schema}]


class ListAPIView(StrictMixin, generics.ListAPIView):
    """A paginated list; its query parameters are the filters, those of the pagination, and `export`.

    get_queryset() returns a QuerySet; without a `filterset_class` it can be a list.
    """

    filterset_class = None
    filter_backends = [*generics.ListAPIView.filter_backends, ExportParameter]

    def get_query_parameters(self) -> tuple[str, ...]:
        filters = self.filterset_class.base_filters if self.filterset_class else ()
        return (*self.query_parameters, *filters, *self._paging, EXPORT)

    @property
    def _paging(self) -> tuple[str, str]:
        return self.paginator.page_query_param, self.paginator.page_size_query_param

    def list(self, request, *args, **kwargs):
        if not self.is_export:
            return super().list(request, *args, **kwargs)
        for name in self._paging:
            if name in request.query_params:
                error = ValidationError(f"A CSV file has all rows. Leave out `{name}`.", code="invalid")
                raise ValidationError({name: error})
        rows = self.filter_queryset(self.get_queryset())
        empty = dict.fromkeys(self.get_serializer().fields)
        return csv_export.respond(
            (
                map(self.csv_row, self.get_serializer(chunk, many=True).data)
                for chunk in csv_export.chunks(rows)
            ),
            header=list(self.csv_row(empty)),
            filename=f"{request.path.strip('/').replace('/', '-')}.csv",
        )

    @property
    def is_export(self) -> bool:
        """Raises ValidationError for another value of `export` than `csv`."""
        value = self.request.query_params.get(EXPORT)
        if value not in {None, "csv"}:
            raise ValidationError({EXPORT: ValidationError("`export` must be csv.", code="invalid_choice")})
        return value == "csv"

    def csv_row(self, row: dict) -> dict:
        """The cells of a row by the names of the columns, which are the same for every row."""
        return row
