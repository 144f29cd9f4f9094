"""The API that explores a dataset version: its columns, its rows, and its comparison with another version."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.response import Response

from catalog.exploration import columns, comparison, rows
from catalog.models import Dataset, DatasetVersion
from mlplatform.lists.list_api import ListAPIView
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer, VersionField

MAX_ROWS = 1_000
ORDERINGS = [f"{sign}{key}" for key in columns.KEYS for sign in ("", "-")]


class ColumnProfileSerializer(serializers.Serializer):
    """What is known of the values of a column. Null is what columns of its type do not have."""

    name = serializers.CharField()
    type = serializers.CharField()
    role = serializers.CharField(default=None, allow_null=True)
    missing = serializers.IntegerField(help_text="The rows without a value.")
    distinct = serializers.IntegerField(allow_null=True, help_text="Null if they were not counted.")
    is_estimated = serializers.BooleanField(default=False, help_text="Whether `distinct` is an estimate.")
    min = serializers.JSONField(default=None, allow_null=True)
    mean = serializers.JSONField(default=None, allow_null=True)
    max = serializers.JSONField(default=None, allow_null=True)
    deviation = serializers.FloatField(default=None, allow_null=True)


class ColumnsQuery(Serializer):
    version = VersionField(required=False, default=None)
    ordering = serializers.ChoiceField(ORDERINGS, required=False, default="")


@extend_schema_view(
    get=extend_schema(
        operation_id="list_columns",
        summary="List the columns of a dataset with their statistics",
        tags=["datasets"],
        parameters=[
            OpenApiParameter("version", int, description="A version number; defaults to the latest."),
            OpenApiParameter(
                "ordering",
                str,
                enum=ORDERINGS,
                description="By default in the order of the table.",
            ),
        ],
    )
)
class ColumnListView(ListAPIView):
    serializer_class = ColumnProfileSerializer
    query_parameters = ("version", "ordering")

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return DatasetVersion.objects.none()
        parameters = self.request.query_params.items()
        query = ColumnsQuery.validated(
            {name: text for name, text in parameters if name in self.query_parameters}
        )
        version = Dataset.objects.named(self.kwargs["name"]).version(query["version"])
        return columns.ordered(version, query["ordering"])


class RowsQuery(Serializer):
    version = VersionField(required=False, default=None)
    where = serializers.CharField(required=False, default="", max_length=50_000)
    q = serializers.CharField(required=False, default="", max_length=rows.MAX_LENGTH)
    start = serializers.IntegerField(required=False, default=0, min_value=0)
    limit = serializers.IntegerField(required=False, default=rows.PAGE, min_value=1, max_value=MAX_ROWS)


class RowsSerializer(serializers.Serializer):
    total = serializers.IntegerField(help_text="The rows that match.")
    start = serializers.IntegerField()
    columns = serializers.ListField(child=serializers.CharField())
    positions = serializers.ListField(
        child=serializers.IntegerField(), help_text="The position of each row in the table, counted from 0."
    )
    rows = serializers.ListField(child=serializers.ListField())


class RowsView(APIView):
    query_parameters = ("version", "where", "q", "start", "limit")

    @extend_schema(
        operation_id="list_rows",
        summary="List the rows of a dataset",
        description="The first 100 columns, and those that are filtered.",
        tags=["datasets"],
        parameters=[
            OpenApiParameter("version", int, description="A version number; defaults to the latest."),
            OpenApiParameter(
                "where",
                str,
                description='A JSON list of filters, such as `[["age", ">", "30"], ["city", "missing", ""]]`. '
                f"Operators: {', '.join(f'`{operator}`' for operator in rows.OPERATORS)}.",
            ),
            OpenApiParameter("q", str, description="A text that one of the columns contains, in any case."),
            OpenApiParameter("start", int, description="The position of the first row; 0 by default."),
            OpenApiParameter("limit", int, description=f"At most {MAX_ROWS:,} rows; {rows.PAGE} by default."),
        ],
        responses={200: RowsSerializer, 400: ErrorSerializer, 404: ErrorSerializer, 503: ErrorSerializer},
    )
    def get(self, request, name):
        query = RowsQuery.validated(request.query_params)
        version = Dataset.objects.named(name).version(query["version"])
        where = rows.filters(query["where"], version.columns)
        page = rows.page(version, start=query["start"], rows=query["limit"], where=where, search=query["q"])
        return Response(
            {
                "total": page.total,
                "start": page.start,
                "columns": [column["name"] for column in page.columns],
                "positions": page.positions,
                "rows": page.cells,
            }
        )


class CompareQuery(Serializer):
    to = VersionField(required=False, default=None)

    def get_fields(self):
        return super().get_fields() | {"from": VersionField()}


class CompareView(APIView):
    query_parameters = ("from", "to")

    @extend_schema(
        operation_id="compare_dataset_versions",
        summary="Compare two versions of a dataset",
        description="Columns that were added, removed, retyped or perhaps renamed; how far the distributions of the "
        "others have moved, the largest effect first: the population stability index (`psi`) and the standardized "
        "difference of the means (`smd`); and the models of the earlier version that the later one does not fit.",
        tags=["datasets"],
        parameters=[
            OpenApiParameter("from", int, required=True, description="A version number."),
            OpenApiParameter("to", int, description="A version number; defaults to the latest."),
        ],
        responses={
            200: OpenApiTypes.OBJECT, 400: ErrorSerializer, 404: ErrorSerializer, 503: ErrorSerializer,
        },
    )  # fmt: skip
    def get(self, request, name):
        query = CompareQuery.validated(request.query_params)
        dataset = Dataset.objects.named(name)
        before, after = dataset.version(query["from"]), dataset.version(query["to"])
        return Response({"from": before.number, "to": after.number} | comparison.compare(before, after))
