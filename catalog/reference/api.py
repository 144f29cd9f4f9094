"""The API that registers files by reference."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from catalog.imports.api import QUEUED_EXAMPLE, QueuedImportSerializer
from catalog.imports.representations import DatasetSerializer
from catalog.imports.upload_api import AddingView
from catalog.objects.location import MAX_LENGTH
from catalog.reference import submission
from mlplatform.idempotency.replay import idempotent
from mlplatform.jobs import waiting
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.serializers import Serializer


class RegisterSerializer(Serializer):
    name = serializers.CharField(max_length=255)
    uri = serializers.CharField(
        max_length=MAX_LENGTH,
        help_text="Where the files are, such as `s3://bucket/sales/*.parquet`. One `*` or more can stand in the last "
        "part. An operator allows prefixes (`REGISTER_PREFIXES`).",
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    new_version = serializers.BooleanField(
        default=False, help_text="Add the files as a new version of an existing dataset."
    )


class RegisterView(AddingView):
    @extend_schema(
        operation_id="register_dataset",
        summary="Register files by reference",
        description="Makes a dataset of Parquet or CSV files that lie in a bucket already. Nothing is copied: the "
        "keys, sizes and ETags of the files are the version, and it cannot be read any more once a file was changed, "
        "added or removed. Send the same again with `new_version` to make what is there now the next version. A job "
        "reads and profiles the files: the call waits up to 25 seconds for it, `Prefer: wait=N` up to N seconds, at "
        "most 60, and then answers 202 with it.",
        tags=["datasets"],
        parameters=[waiting.PREFER],
        request=RegisterSerializer,
        responses={
            201: DatasetSerializer,
            200: OpenApiResponse(DatasetSerializer, "The dataset has a version of the same files."),
            202: QueuedImportSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
            404: ErrorSerializer, 409: ErrorSerializer, 413: ErrorSerializer, 503: ErrorSerializer,
            507: ErrorSerializer,
        },
        examples=[
            OpenApiExample(
                "A folder of Parquet", {"name": "sales", "uri": "s3://lake/sales/*.parquet"}, request_only=True
            ),
            OpenApiExample("Many files", QUEUED_EXAMPLE, response_only=True, status_codes=["202"]),
        ],
    )  # fmt: skip
    @idempotent
    def post(self, request):
        fields = RegisterSerializer.validated(request.data)
        return self.answer(request, submission.register(by=request.user, **fields))
