"""POST /predict."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Dataset
from mlplatform.api import ErrorSerializer
from serving import prediction


class InputDataSerializer(serializers.Serializer):
    features = serializers.JSONField(
        help_text="Rows: lists of values in the order of the model's columns, or objects keyed by column name."
    )


class PredictSerializer(serializers.Serializer):
    dataset_name = serializers.CharField(max_length=255)
    environment = serializers.CharField(max_length=20, help_text="`dev`, `staging` or `production`")
    input_data = InputDataSerializer()
    version = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1,
        help_text="A version that is or was live in this environment; the live one when left out.",
    )  # fmt: skip
    probabilities = serializers.BooleanField(default=False)


class PredictionSerializer(serializers.Serializer):
    dataset = serializers.CharField()
    environment = serializers.CharField()
    version = serializers.IntegerField()
    predictions = serializers.ListField(child=serializers.JSONField())
    classes = serializers.ListField(child=serializers.JSONField(), required=False)
    probabilities = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()), required=False
    )


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
        form = PredictSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        dataset = Dataset.objects.named(wanted["dataset_name"])
        made = prediction.predict(
            dataset,
            stage=wanted["environment"],
            rows=wanted["input_data"]["features"],
            by=request.user,
            version=wanted["version"],
            probabilities=wanted["probabilities"],
        )
        answer = {
            "dataset": dataset.name,
            "environment": made.release.stage,
            "version": made.release.model_version.number,
            "predictions": made.predictions,
        }
        if made.probabilities is not None:
            answer |= {"classes": made.classes, "probabilities": made.probabilities}
        return Response(answer)
