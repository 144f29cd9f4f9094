"""POST /predict for sessions and the OpenAPI description (tokens use the fast path), files and scoring jobs."""

from django.http import FileResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.response import Response

from mlplatform.idempotency.replay import idempotent
from mlplatform.jobs.cancel_api import CancelView, cancels
from mlplatform.json_parser import read_json_body
from mlplatform.lists import csv_export
from mlplatform.lists.list_api import ListAPIView
from mlplatform.openapi import DATASET, ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.parsers import MultiPartParser
from mlplatform.validation.serializers import Serializer, VersionField
from mlplatform.web import download
from registry.models import Stage
from serving.batch import service
from serving.batch.writers import content_type
from serving.filters import ScoringJobFilter
from serving.models import ScoringJob
from serving.monitoring import metrics
from serving.protocols import native
from serving.protocols.native import PredictionSerializer, PredictSerializer

PREDICT_EXAMPLE = {
    "dataset_name": DATASET,
    "environment": "dev",
    "input_data": {"features": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]},
    "probabilities": True,
}


class PredictView(APIView):
    @extend_schema(
        operation_id="predict",
        summary="Predict with the live model of a dataset and environment",
        tags=["predict"],
        request=PredictSerializer,
        responses={
            200: PredictionSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
            404: ErrorSerializer, 413: ErrorSerializer, 415: ErrorSerializer, 503: ErrorSerializer,
            507: ErrorSerializer,
        },
        examples=[OpenApiExample("Iris", PREDICT_EXAMPLE, request_only=True)],
    )  # fmt: skip
    def post(self, request):
        with metrics.count_failures("native"):
            return Response(native.predict(read_json_body(request._request), by=request.user))


class PredictFileSerializer(Serializer):
    file = serializers.FileField(
        help_text="CSV or Parquet, with the model's columns by name; other columns are kept.", max_length=255
    )
    dataset_name = serializers.CharField(max_length=255)
    environment = serializers.CharField(max_length=20, help_text="`dev`, `staging` or `production`")
    version = VersionField(required=False)
    probabilities = serializers.BooleanField(default=False)


class ResultSerializer(serializers.Serializer):
    url = serializers.SerializerMethodField()
    filename = serializers.CharField(source="result_name")
    size_bytes = serializers.IntegerField(source="result_size")

    def get_url(self, job) -> str:
        return reverse("api-scoring-result", args=[job.pk])


class ScoringJobSerializer(serializers.ModelSerializer):
    """A request to predict every row of a file. `warnings` counts the input warnings of the rows so far, by kind."""

    url = serializers.SerializerMethodField()
    dataset = serializers.CharField(source="dataset_name")
    environment = serializers.ChoiceField(Stage.choices, source="stage")
    warnings = serializers.DictField(child=serializers.IntegerField(), source="input_warnings")
    result = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    requested_by = serializers.CharField(source="requested_by.username", default=None, allow_null=True)

    class Meta:
        model = ScoringJob
        fields = [
            "id", "url", "state", "progress", "rows", "rows_done", "dataset", "environment", "version", "filename",
            "size_bytes", "probabilities", "warnings", "result", "error", "attempt", "requested_by", "requested_at",
            "started_at", "finished_at",
        ]  # fmt: skip
        extra_kwargs = {"size_bytes": {"source": "input_size"}}

    def get_url(self, job) -> str:
        return reverse("api-scoring-job", args=[job.pk])

    @extend_schema_field(ResultSerializer(allow_null=True))
    def get_result(self, job):
        return ResultSerializer(job).data if job.result_key else None

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job):
        return {"detail": job.error, "code": job.error_code, "fields": {}} if job.error_code else None


class QueuedScoringSerializer(serializers.Serializer):
    """The response for a file that runs as a scoring job."""

    job = serializers.IntegerField(source="pk")
    state = serializers.CharField()
    rows = serializers.IntegerField()
    version = serializers.IntegerField()
    url = serializers.SerializerMethodField()

    def get_url(self, job) -> str:
        return reverse("api-scoring-job", args=[job.pk])


QUEUED_EXAMPLE = {"job": 1, "state": "queued", "rows": 2_000_000, "version": 3, "url": "/predict/jobs/1"}
JOB_EXAMPLE = {
    "id": 1,
    "url": "/predict/jobs/1",
    "state": "succeeded",
    "progress": 1.0,
    "rows": 2_000_000,
    "rows_done": 2_000_000,
    "dataset": "iris",
    "environment": "production",
    "version": 3,
    "filename": "flowers.csv",
    "size_bytes": 70_000_000,
    "probabilities": False,
    "warnings": {"imputed": 1200},
    "result": {
        "url": "/predict/jobs/1/result",
        "filename": "flowers_predictions.csv",
        "size_bytes": 86_000_000,
    },
    "error": None,
    "attempt": 1,
    "requested_by": "admin",
    "requested_at": "2026-11-24T10:00:00Z",
    "started_at": "2026-11-24T10:00:01Z",
    "finished_at": "2026-11-24T10:00:12Z",
}


class PredictFileView(APIView):
    parser_classes = [MultiPartParser]

    def respond(self, request, job: ScoringJob) -> Response:
        queued = QueuedScoringSerializer(job).data
        return Response(queued, status=202, headers={"Location": queued["url"]})

    @extend_schema(
        operation_id="predict_file",
        summary="Predict every row of a file",
        description="Returns the file with a column `prediction` and, if requested, one for the probability of each "
        "class. A file over 8 MB or 250,000 rows, one that takes more than 5 seconds, or any with "
        "`Prefer: respond-async` runs as a scoring job: the status is 202 and `Location` is the job's URL.",
        tags=["predict"],
        parameters=[OpenApiParameter("Prefer", str, OpenApiParameter.HEADER, description="respond-async")],
        request={"multipart/form-data": PredictFileSerializer},
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "text/tab-separated-values"): OpenApiTypes.BINARY,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
            202: QueuedScoringSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
            404: ErrorSerializer, 409: ErrorSerializer, 413: ErrorSerializer, 415: ErrorSerializer,
            503: ErrorSerializer,
        },
        examples=[OpenApiExample("A large file", QUEUED_EXAMPLE, response_only=True, status_codes=["202"])],
    )  # fmt: skip
    @idempotent
    def post(self, request):
        with metrics.count_failures("file"):
            data = PredictFileSerializer.validated(request.data)
        result = service.score(
            data["dataset_name"],
            stage=data["environment"],
            file=data["file"],
            filename=data["file"].name,
            by=request.user,
            version=data.get("version"),
            probabilities=data["probabilities"],
            as_job="respond-async" in request.headers.get("Prefer", "").lower(),
        )
        if isinstance(result, ScoringJob):
            return self.respond(request, result)
        kind = content_type(result.filename)
        return FileResponse(result.file, as_attachment=True, filename=result.filename, content_type=kind)


@extend_schema_view(
    get=extend_schema(operation_id="list_scoring_jobs", summary="List scoring jobs", tags=["predict"])
)
class ScoringJobListView(ListAPIView):
    queryset = ScoringJob.objects.for_lists()
    serializer_class = ScoringJobSerializer
    filterset_class = ScoringJobFilter


class ScoringJobView(APIView):
    serializer_class = ScoringJobSerializer

    @extend_schema(
        operation_id="get_scoring_job",
        summary="Get a scoring job",
        tags=["predict"],
        responses={
            200: ScoringJobSerializer, 401: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer,
        },
        examples=[OpenApiExample("Two million rows", JOB_EXAMPLE, response_only=True, status_codes=["200"])],
    )  # fmt: skip
    def get(self, request, pk):
        return Response(ScoringJobSerializer(ScoringJob.objects.for_lists().numbered(pk)).data)

    @extend_schema(
        operation_id="delete_scoring_job",
        summary="Delete a finished scoring job and its result",
        tags=["predict"],
        responses={
            204: None, 401: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer,
        },
    )  # fmt: skip
    def delete(self, request, pk):
        service.delete(ScoringJob.objects.for_lists().numbered(pk), by=request.user)
        return Response(status=204)


class ScoringResultView(APIView):
    query_parameters = ("spreadsheet",)

    @extend_schema(
        operation_id="download_scoring_result",
        summary="Download the result of a scoring job",
        description=download.DESCRIPTION,
        tags=["predict"],
        parameters=[download.SPREADSHEET, *download.PARAMETERS],
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "text/tab-separated-values"): OpenApiTypes.BINARY,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
            **download.RESPONSES,
            401: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer,
            503: ErrorSerializer,
        },
    )  # fmt: skip
    def get(self, request, pk):
        job = ScoringJob.objects.for_lists().numbered(pk)
        stored = service.result_file(job)
        if download.wants_spreadsheet(request):
            return csv_export.download(service.result_for_spreadsheet(job), job.result_name)
        return download.respond(request, stored)


@cancels(
    "a scoring job",
    name="scoring_job",
    tag="predict",
    description="A queued job never starts; a running job stops within seconds. No result is kept.",
)
class CancelScoringJobView(CancelView):
    serializer_class = ScoringJobSerializer

    def cancel(self, pk, *, by):
        return service.cancel(ScoringJob.objects.for_lists().numbered(pk), by=by)
