"""The API of queries over datasets whose results become datasets."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from catalog.derivation import preview, submission
from catalog.discovery.lineage_api import InputSerializer
from catalog.imports.api import QUEUED_EXAMPLE, QueuedImportSerializer
from catalog.imports.representations import ColumnSerializer, DatasetSerializer
from catalog.imports.upload_api import AddingView
from catalog.models import Dataset
from mlplatform.idempotency.replay import idempotent
from mlplatform.jobs import waiting
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer

SQL = (
    'One SELECT statement of DuckDB. Its tables are datasets: `penguins` is the newest version, `"penguins@3"` is '
    "version 3."
)
RESPONSES = {
    201: DatasetSerializer,
    200: OpenApiResponse(
        DatasetSerializer, "The dataset has a version of this query over the same versions, or of the same rows."
    ),
    202: QueuedImportSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
    404: ErrorSerializer, 409: ErrorSerializer, 413: ErrorSerializer, 503: ErrorSerializer, 507: ErrorSerializer,
}  # fmt: skip
QUERY = "SELECT target, count(*) AS n FROM iris_example GROUP BY target ORDER BY target"


class DeriveSerializer(Serializer):
    name = serializers.CharField(max_length=255)
    sql = serializers.CharField(max_length=50_000, trim_whitespace=False, help_text=SQL)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    new_version = serializers.BooleanField(
        default=False, help_text="Add the result as a new version of an existing dataset."
    )
    on_new_version = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Run again when a dataset that is named without a version gets a new one. Without this field a "
        "query whose result is there stays as it is, and another one does not run again.",
    )


class DeriveView(AddingView):
    @extend_schema(
        operation_id="derive_dataset",
        summary="Make a dataset from others by SQL",
        description="Runs a query over datasets in a job, as a large upload is read, and adds its result. The same "
        "query over the same versions is the version that is already there. The call waits up to 25 seconds for the "
        "job, `Prefer: wait=N` up to N seconds, at most 60, and then answers 202 with it.",
        tags=["datasets"],
        parameters=[waiting.PREFER],
        request=DeriveSerializer,
        responses=RESPONSES,
        examples=[
            OpenApiExample("Count by class", {"name": "iris_counts", "sql": QUERY}, request_only=True),
            OpenApiExample("A long query", QUEUED_EXAMPLE, response_only=True, status_codes=["202"]),
        ],
    )
    @idempotent
    def post(self, request):
        fields = DeriveSerializer.validated(request.data)
        return self.answer(request, submission.derive(by=request.user, **fields))


class RunAgainSerializer(Serializer):
    on_new_version = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Also set whether it runs again by itself."
    )


class RunAgainView(AddingView):
    @extend_schema(
        operation_id="derive_dataset_again",
        summary="Run the query of a dataset again",
        description="Adds the next version of the dataset: its latest query over the newest versions of its inputs.",
        tags=["datasets"],
        parameters=[waiting.PREFER],
        request=RunAgainSerializer,
        responses=RESPONSES,
        examples=[OpenApiExample("As before", {}, request_only=True)],
    )
    @idempotent
    def post(self, request, name):
        fields = RunAgainSerializer.validated(request.data)
        return self.answer(
            request, submission.run_again(Dataset.objects.named(name), by=request.user, **fields)
        )


class PreviewRequestSerializer(Serializer):
    sql = serializers.CharField(max_length=50_000, trim_whitespace=False, help_text=SQL)


class ReadsSerializer(serializers.Serializer):
    """What a query reads at most: columns that it does not need are left out."""

    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()


class QueryPreviewSerializer(serializers.Serializer):
    columns = ColumnSerializer(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        allow_null=True,
        help_text="The first 20 rows, with the first 300 characters of texts; null if they take longer than 2 "
        "seconds, or much memory.",
    )
    inputs = InputSerializer(many=True)
    reads = ReadsSerializer()
    is_volatile = serializers.BooleanField(help_text="Whether chance or the clock is part of the query.")


class PreviewView(APIView):
    @extend_schema(
        operation_id="preview_derived_dataset",
        summary="Check a query and show its first rows",
        description="Nothing is stored.",
        tags=["datasets"],
        request=PreviewRequestSerializer,
        responses={
            200: QueryPreviewSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
            413: ErrorSerializer, 503: ErrorSerializer,
        },
        examples=[OpenApiExample("Count by class", {"sql": QUERY}, request_only=True)],
    )  # fmt: skip
    def post(self, request):
        found = preview.preview(PreviewRequestSerializer.validated(request.data)["sql"], by=request.user)
        inputs = submission.inputs_of(found.inputs)
        body = {
            "columns": found.columns,
            "rows": found.rows,
            "inputs": InputSerializer(inputs, many=True).data,
            "reads": ReadsSerializer(found.reads).data,
            "is_volatile": found.query.is_volatile,
        }
        return Response(body)
