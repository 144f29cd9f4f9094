"""The API of learning curves."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from mlplatform.errors import NotFound
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from registry.jobs import evaluation as evaluating
from registry.jobs.evaluation_api import COMPUTES, waited_for
from registry.jobs.learning_curves import computation
from registry.models import Evaluation, ModelVersion


class LearningPointSerializer(serializers.Serializer):
    rows = serializers.IntegerField(help_text="The training rows.")
    test = serializers.FloatField(allow_null=True, help_text="The metric on the test rows.")
    train = serializers.FloatField(allow_null=True, help_text="The metric on its own training rows.")
    interval = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="The 95 % interval of `test`, low and high.",
    )


class LearningCurveSerializer(serializers.Serializer):
    """The metric of a model version by the number of training rows."""

    evaluation = serializers.IntegerField(help_text="The id of the evaluation that has computed it.")
    computed_at = serializers.DateTimeField()
    metric = serializers.CharField()
    order = serializers.CharField(help_text="Which rows a share has: `random`, `newest` or whole `groups`.")
    points = LearningPointSerializer(many=True)


class LearningCurveView(APIView):
    methods_without_body = ("POST",)

    @extend_schema(
        operation_id="get_learning_curve",
        summary="Get the learning curve of a model version",
        tags=["models"],
        responses={200: LearningCurveSerializer, 404: ErrorSerializer},
    )
    def get(self, request, dataset, version):
        model = ModelVersion.objects.numbered(dataset, version)
        found = computation.latest(model)
        if found is None:
            raise NotFound(
                f"The learning curve of version {model.number} of `{model.dataset.name}` is not computed. Compute it "
                "with `POST` on the same address.",
                code="no_learning_curve",
            )
        curve = found.metrics["learning_curve"]
        facts = {"evaluation": found.pk, "computed_at": found.finished_at}
        return Response(LearningCurveSerializer(facts | curve).data)

    @extend_schema(
        operation_id="compute_learning_curve",
        summary="Compute the learning curve of a model version",
        description="Repeats its training on 10, 20, 35, 50, 75 and 100 % of the training rows, and measures each "
        "model on the same test rows; it takes about three times as long as the training. Waits as `POST /train`, and "
        "returns 201, or 202 with the queued job.",
        **COMPUTES,
    )
    def post(self, request, dataset, version):
        model = ModelVersion.objects.numbered(dataset, version)
        return waited_for(
            request, evaluating.submit_repeated(model, Evaluation.Kind.LEARNING_CURVE, by=request.user)
        )
