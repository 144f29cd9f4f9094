"""POST /predict, as the schema describes it and as people's sessions reach it (tokens take the lane), and files."""

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from mlplatform import json_bodies
from mlplatform.api import ErrorSerializer
from serving import batch
from serving.protocols import native
from serving.protocols.native import PredictSerializer


class NoticeSerializer(serializers.Serializer):
    row = serializers.IntegerField(help_text="From 1.")
    column = serializers.CharField()
    kind = serializers.CharField(help_text="`imputed`, `unseen_category` or `out_of_range`")


class PredictionSerializer(serializers.Serializer):
    dataset = serializers.CharField()
    environment = serializers.CharField()
    version = serializers.IntegerField()
    predictions = serializers.ListField(child=serializers.JSONField())
    classes = serializers.ListField(child=serializers.JSONField(), required=False)
    probabilities = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()), required=False
    )
    warnings = NoticeSerializer(many=True, required=False)


PREDICT_EXAMPLE = {
    "dataset_name": "iris",
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
            200: PredictionSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 404: ErrorSerializer,
            503: ErrorSerializer,
        },
        examples=[OpenApiExample("Iris", PREDICT_EXAMPLE, request_only=True)],
    )  # fmt: skip
    def post(self, request):
        if request._request.content_type != "application/json":
            raise UnsupportedMediaType(request.content_type)
        return Response(native.answer(json_bodies.loads(request._request.body), by=request.user))


class PredictFileSerializer(serializers.Serializer):
    file = serializers.FileField(
        help_text="CSV or Parquet, with the model's columns by name.", max_length=255
    )
    dataset_name = serializers.CharField(max_length=255)
    environment = serializers.CharField(max_length=20, help_text="`dev`, `staging` or `production`")
    version = serializers.IntegerField(required=False, min_value=1, max_value=native.LARGEST)
    probabilities = serializers.BooleanField(default=False)


class PredictFileView(APIView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="predict_file",
        summary="Predict every row of a file",
        description="Answers the same table with a column `prediction`, and one for each class's probability if asked.",
        tags=["predict"],
        request={"multipart/form-data": PredictFileSerializer},
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
            400: ErrorSerializer, 401: ErrorSerializer, 404: ErrorSerializer, 413: ErrorSerializer,
            415: ErrorSerializer, 503: ErrorSerializer,
        },
    )  # fmt: skip
    def post(self, request):
        form = PredictFileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        scored = batch.score(
            wanted["dataset_name"],
            stage=wanted["environment"],
            file=wanted["file"],
            filename=wanted["file"].name,
            by=request.user,
            version=wanted.get("version"),
            probabilities=wanted["probabilities"],
        )
        name = scored.named(wanted["file"].name)
        content_type = batch.CONTENT_TYPES[scored.format]
        return FileResponse(scored.file, as_attachment=True, filename=name, content_type=content_type)
