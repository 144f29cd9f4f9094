"""The API that compares model versions."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from registry.comparison import predictions
from registry.comparison.schema import ChangedPredictionsSerializer, SpeedSerializer
from registry.comparison.side_by_side import SideBySide, chosen


class MetricCellSerializer(serializers.Serializer):
    value = serializers.FloatField(allow_null=True)
    interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    is_best = serializers.BooleanField()
    is_clearly_best = serializers.BooleanField(help_text="Its interval overlaps no other.")


class MetricRowSerializer(serializers.Serializer):
    metric = serializers.CharField(source="metric.name")
    better = serializers.ChoiceField(["higher", "lower"], source="metric.better")
    cells = MetricCellSerializer(many=True, help_text="One for each version.")


class FactRowSerializer(serializers.Serializer):
    name = serializers.CharField()
    values = serializers.ListField(child=serializers.JSONField(allow_null=True))


class ComparedVersionSerializer(serializers.Serializer):
    dataset = serializers.CharField(source="dataset.name")
    version = serializers.IntegerField(source="number")
    algorithm = serializers.CharField()
    speed = SpeedSerializer(source="verification", default=None, allow_null=True)


class ModelComparisonSerializer(serializers.Serializer):
    """Model versions beside each other; of all but the metrics, only what differs."""

    models = ComparedVersionSerializer(many=True, source="versions")
    same_test_rows = serializers.BooleanField(source="have_same_test_rows")
    metrics = MetricRowSerializer(many=True)
    training = FactRowSerializer(many=True)
    parameters = FactRowSerializer(many=True)
    columns = FactRowSerializer(
        many=True, help_text="How each input column is prepared; null if it is not used."
    )


class CompareView(APIView):
    query_parameters = ("model",)
    list_parameters = ("model",)

    @extend_schema(
        operation_id="compare_models",
        summary="Compare model versions",
        tags=["models"],
        parameters=[
            OpenApiParameter(
                "model",
                {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 6},
                required=True,
                description="The versions, as dataset and number: `model=iris/1&model=iris/2`.",
            )
        ],
        responses={200: ModelComparisonSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request):
        versions = chosen(request.query_params.getlist("model"))
        return Response(ModelComparisonSerializer(SideBySide(versions)).data)


class ComparePredictionsView(APIView):
    query_parameters = ("model",)
    list_parameters = ("model",)

    @extend_schema(
        operation_id="compare_predictions",
        summary="Compare the predictions of two model versions",
        description="Of the same target, for the held-out rows of the second: on which rows they differ, and whether "
        "the difference of the primary metric is more than noise. `live` is the first version, `coming` the second.",
        tags=["models"],
        parameters=[
            OpenApiParameter(
                "model",
                {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
                required=True,
                description="The versions, as dataset and number: `model=iris/1&model=iris/2`.",
            )
        ],
        responses={
            200: ChangedPredictionsSerializer,
            400: ErrorSerializer,
            404: ErrorSerializer,
            503: ErrorSerializer,
        },
    )
    def get(self, request):
        first, second = chosen(request.query_params.getlist("model"), most=2)
        return Response(ChangedPredictionsSerializer(predictions.compare(first, second)).data)
