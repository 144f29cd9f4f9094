"""The API that imports models."""

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from catalog.models import Dataset
from mlplatform import json_parser
from mlplatform.idempotency.replay import idempotent
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.parsers import MultiPartParser
from mlplatform.validation.serializers import Serializer, VersionField
from registry.fields import MetricsField
from registry.imports import formats
from registry.imports.declared import MAX_COLUMNS
from registry.imports.importing import LIMIT_S, MAX_FILE_MB, import_model
from registry.models import ModelVersion

MAX_JSON = 1024**2  # characters


class JSONTextField(serializers.Field):
    """A part of a form that is JSON."""

    kind: type
    default_error_messages = {"not_json": "Must be a JSON {kind}.", "too_large": "Must have at most 1 MB."}

    def to_internal_value(self, data):
        if isinstance(data, str):
            if len(data) > MAX_JSON:
                self.fail("too_large")
            try:
                data = json_parser.loads(data.encode())
            except ValidationError as error:
                if error.code != "parse_error":
                    raise
                data = None
        if not isinstance(data, self.kind):
            self.fail("not_json", kind="object" if self.kind is dict else "list")
        return data


@extend_schema_field({"type": "object", "additionalProperties": {}})
class JSONObjectField(JSONTextField):
    kind = dict


@extend_schema_field({"type": "array", "items": {"type": "string"}, "maxItems": MAX_COLUMNS})
class NamesField(JSONTextField):
    kind = list

    def to_internal_value(self, data):
        names = super().to_internal_value(data)
        if len(names) > MAX_COLUMNS or not all(isinstance(name, str) for name in names):
            self.fail("not_json", kind="list of texts")
        return names


class ImportSerializer(Serializer):
    file = serializers.FileField(allow_empty_file=True, max_length=255)
    dataset_name = serializers.CharField(
        max_length=255, help_text="The dataset whose next model version it becomes."
    )
    dataset_version = VersionField(
        required=False, help_text="The version to measure it on; the latest by default."
    )
    target_column = serializers.CharField(
        required=False, default="", max_length=255, help_text="The column that it predicts."
    )
    features = NamesField(
        required=False,
        help_text="The columns that it was fitted on, in its order, as a JSON list. Not for a model that names them; "
        "by default all columns but the target.",
    )
    classes = NamesField(
        required=False,
        help_text="The names of the classes of a model that predicts the numbers from 0, in order, as a JSON list.",
    )
    signature = JSONObjectField(
        required=False,
        help_text="Instead of the target and the rows of the dataset: `inputs`, `target` and an `example` row, as in "
        "the signature of a model version. It is not measured then.",
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")


class ImportedSerializer(serializers.ModelSerializer):
    """The response to an import; `GET /models/{dataset}/{version}` has the rest."""

    message = serializers.SerializerMethodField()
    name = serializers.CharField()
    version = serializers.IntegerField(source="number")
    dataset = serializers.CharField(source="dataset.name")
    dataset_version = serializers.IntegerField(source="dataset_version.number")
    live_in = serializers.ListField(child=serializers.CharField(), source="live_stages")
    metrics = MetricsField()

    class Meta:
        model = ModelVersion
        fields = [
            "message", "id", "name", "version", "dataset", "dataset_version", "live_in", "algorithm", "module", "task",
            "target", "features", "metrics", "measured", "signature", "parameters", "warnings", "imported_from",
            "imported_format", "artifact_sha256",
        ]  # fmt: skip

    def get_message(self, version) -> str:
        return (
            f"Version {version.number} of `{version.dataset.name}` was {version.origin} and is live in dev."
        )


class ImportView(APIView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="import_model",
        summary="Import a model that was trained elsewhere",
        description=f"A fitted classifier or regressor in a file of one of these formats: {formats.titles()}. Never a "
        "pickle or joblib file. It becomes the next model version of the dataset, measured on all its rows (up to "
        "100,000) and live in dev. The types in the file must be on the platform's list. At most "
        f"{MAX_FILE_MB} MB and {LIMIT_S} seconds.",
        tags=["models"],
        request={"multipart/form-data": ImportSerializer},
        responses={
            201: ImportedSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
            404: ErrorSerializer, 409: ErrorSerializer, 413: ErrorSerializer, 503: ErrorSerializer,
            507: ErrorSerializer,
        },
    )  # fmt: skip
    @idempotent
    def post(self, request):
        fields = ImportSerializer.validated(request.data)
        source = Dataset.objects.named(fields.pop("dataset_name")).version(
            fields.pop("dataset_version", None)
        )
        file, target = fields.pop("file"), fields.pop("target_column")
        version = import_model(
            file, filename=file.name, source=source, target=target, by=request.user, **fields
        )
        return self.respond(request, version)

    def respond(self, request, version: ModelVersion) -> Response:
        version = ModelVersion.objects.numbered(version.dataset.name, version.number)
        return Response(ImportedSerializer(version).data, status=201)
