"""The API of the allow-list of algorithms."""

from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from mlplatform.errors import NotFound
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer
from registry.estimators import algorithms
from registry.estimators.frameworks import extras

MISSING = {
    "name": "XGBClassifier",
    "module": "xgboost",
    "task": "classification",
    "summary": "XGBoost: gradient-boosted trees for classes, with native categories and gaps.",
    "installed": False,
    "install": "make run EXTRAS=xgboost",
}


class AlgorithmRowSerializer(Serializer):
    name = serializers.CharField(help_text="The `class` of the model in `POST /train`.")
    module = serializers.CharField(help_text="The `module` of the model in `POST /train`.")
    task = serializers.CharField(help_text="`classification`, `regression` or `clustering`.")
    summary = serializers.CharField()
    installed = serializers.BooleanField(
        help_text="False for one of an optional framework that is missing here."
    )
    install = serializers.CharField(allow_null=True, help_text="The command that installs its framework.")


class ParameterSerializer(Serializer):
    name = serializers.CharField()
    default = serializers.JSONField(allow_null=True)
    allowed = serializers.CharField(
        help_text="The values that it can have, such as `an integer from 1 to 100`."
    )
    help = serializers.CharField()


class AlgorithmSerializer(AlgorithmRowSerializer):
    parameters = ParameterSerializer(many=True)


class AlgorithmListSerializer(Serializer):
    algorithms = AlgorithmRowSerializer(many=True)


class AlgorithmListView(APIView):
    serializer_class = AlgorithmListSerializer

    @extend_schema(
        operation_id="list_algorithms",
        summary="List the algorithms",
        description="All that can be trained, and those of optional frameworks that are not installed on this server.",
        tags=["jobs"],
        examples=[OpenApiExample("Not installed", value={"algorithms": [MISSING]}, response_only=True)],
    )
    def get(self, request):
        rows = [_row(algorithm) for algorithm in algorithms.all_algorithms()]
        return Response({"algorithms": [*rows, *_missing()]})


class AlgorithmView(APIView):
    serializer_class = AlgorithmSerializer

    @extend_schema(
        operation_id="get_algorithm",
        summary="Get an algorithm with its parameters",
        tags=["jobs"],
        responses={200: AlgorithmSerializer, 404: ErrorSerializer},
    )
    def get(self, request, name):
        if framework := extras.of_class(name):
            row = next((row for row in _missing() if row["name"] == name), None)
            return Response(_with_parameters(row or _row(algorithms.find(name)), framework.classes[name]))
        try:
            algorithm = algorithms.find(name)
        except ValidationError as error:
            raise NotFound(error.messages[0], code=error.code) from error
        return Response(_with_parameters(_row(algorithm), algorithm.parameters))


def _row(algorithm: algorithms.Algorithm) -> dict:
    names = ("name", "module", "task", "summary")
    install = algorithm.framework.command if algorithm.framework else None
    return {name: getattr(algorithm, name) for name in names} | {"installed": True, "install": install}


def _missing() -> list[dict]:
    return [
        {
            "name": name,
            "module": framework.name,
            "task": extras.task_of(name),
            "summary": summary,
            "installed": False,
            "install": framework.command,
        }
        for framework in extras.not_installed()
        for name, summary in framework.summaries.items()
    ]


def _with_parameters(row: dict, parameters) -> dict:
    names = ("name", "default", "allowed", "help")
    return row | {"parameters": [{name: getattr(one, name) for name in names} for one in parameters]}
