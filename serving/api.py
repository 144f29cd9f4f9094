"""POST /predict, as the schema describes it and as people's sessions reach it. Tokens take the lane."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.response import Response
from rest_framework.views import APIView

from mlplatform.api import ErrorSerializer
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
        return Response(native.answer(native.loads(request._request.body), by=request.user))
