"""The API that reads files: inspect one, upload one, and read a stored one again."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from catalog.imports import changes, receipts, upload
from catalog.imports.api import QUEUED_EXAMPLE, QueuedImportSerializer, failure, queued
from catalog.imports.confirmation import Added
from catalog.imports.representations import (
    DatasetSerializer,
    ReceiptSerializer,
    RecipeField,
)
from catalog.models import Dataset, DatasetVersion, ImportJob
from catalog.readers.correcting import choices
from mlplatform.errors import NotFound
from mlplatform.idempotency.replay import idempotent
from mlplatform.jobs import waiting
from mlplatform.jobs.models import JobState
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.parsers import MultiPartParser
from mlplatform.validation.serializers import Serializer


@contextmanager
def errors_within(name: str) -> Iterator[None]:
    """Put the fields of a ValidationError under the path of their object: `delimiter` becomes `recipe.delimiter`."""
    try:
        yield
    except ValidationError as error:
        if not hasattr(error, "error_dict"):
            raise
        raise ValidationError(
            {f"{name}.{path}": found for path, found in error.error_dict.items()}
        ) from error


class UploadSerializer(Serializer):
    file = serializers.FileField(allow_empty_file=True, max_length=255)
    name = serializers.CharField(required=False, allow_blank=True, max_length=255, default="")
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    new_version = serializers.BooleanField(
        default=False, help_text="Add the file as a new version of an existing dataset."
    )
    recipe = RecipeField(
        required=False, help_text="The parts of the parse recipe to set; the rest is detected."
    )


class InspectSerializer(Serializer):
    file = serializers.FileField(allow_empty_file=True, max_length=255)
    recipe = RecipeField(
        required=False, help_text="The parts of the parse recipe to set; the rest is detected."
    )
    dataset = serializers.CharField(
        required=False, max_length=255, help_text="The dataset that the file may become the next version of."
    )


class InspectView(APIView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="inspect_dataset",
        summary="Show how a file would be read",
        description="Returns the parse recipe, the columns, the first rows, and what was assumed. Nothing is stored. "
        "`recipe` sets parts of the recipe, such as `{\"delimiter\": \";\"}`. With `dataset`, `changes` compares the "
        "file with the latest version, as `GET /datasets/{name}/compare` compares two versions.",
        tags=["datasets"],
        request={"multipart/form-data": InspectSerializer},
        responses={
            200: ReceiptSerializer,
            400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer, 413: ErrorSerializer,
            404: ErrorSerializer, 415: ErrorSerializer, 503: ErrorSerializer, 507: ErrorSerializer,
        },
    )  # fmt: skip
    def post(self, request):
        fields = InspectSerializer.validated(request.data)
        file, recipe, name = fields["file"], fields.get("recipe"), fields.get("dataset")
        before = Dataset.objects.named(name).version() if name else None
        with errors_within("recipe"):
            receipt = receipts.of_file(file, filename=file.name, corrections=recipe, by=request.user)
        receipt |= {"findings": choices.described(receipt["findings"], receipt["recipe"])}
        if before:
            changed = changes.of_file(file, receipt, before, filename=file.name)
            receipt |= {"changes": {"from": before.number} | changed}
        return Response(receipt)


class AddingView(APIView):
    """A view that adds a dataset version, by an import job if the file is large."""

    def answer(self, request, added: Added | ImportJob) -> Response:
        return self.respond(request, added) if isinstance(added, ImportJob) else self.described(*added)

    def respond(self, request, result: DatasetVersion | ImportJob) -> Response:
        if isinstance(result, DatasetVersion):
            return self.described(result, True)
        waiting.wait(request, result)
        if result.state == JobState.SUCCEEDED:
            if result.dataset_version is None:
                raise NotFound(
                    f"The dataset version of import job {result.pk} was deleted.", code="result_deleted"
                )
            return self.described(result.dataset_version, result.is_new)
        if result.is_finished:
            raise failure(result)
        return queued(result)

    def described(self, version: DatasetVersion, is_new: bool) -> Response:
        return Response(DatasetSerializer(version).data, status=201 if is_new else 200)


class UploadView(AddingView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="upload_dataset",
        summary="Upload a dataset",
        description="Accepts CSV, TSV, Parquet, JSON lines and workbooks, also compressed: gzip, bzip2, xz, zstd, "
        "or a ZIP archive, of which `member` of the recipe is the file to read if it has several tables. The name "
        "defaults to the file name. A file above 16 MB (`IMPORT_INLINE_MB`), or one that takes more than 15 seconds to "
        "read, is read by a worker: the call waits up to 25 seconds for it, `Prefer: wait=N` up to N seconds, at most "
        "60, and then answers 202 with the job.",
        tags=["datasets"],
        parameters=[waiting.PREFER],
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: DatasetSerializer,
            200: OpenApiResponse(
                DatasetSerializer, "The dataset already has a version with the same bytes and recipe."
            ),
            202: QueuedImportSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
            404: ErrorSerializer, 409: ErrorSerializer, 413: ErrorSerializer, 415: ErrorSerializer,
            503: ErrorSerializer, 507: ErrorSerializer,
        },
        examples=[OpenApiExample("A large file", QUEUED_EXAMPLE, response_only=True, status_codes=["202"])],
    )  # fmt: skip
    @idempotent
    def post(self, request):
        fields = UploadSerializer.validated(request.data)
        file, recipe = fields.pop("file"), fields.pop("recipe", None)
        with errors_within("recipe"):
            added = upload.add_dataset(
                file, filename=file.name, corrections=recipe, by=request.user, **fields
            )
        return self.answer(request, added)


class ReadAgainSerializer(Serializer):
    recipe = RecipeField(help_text="The parts of the parse recipe to change; null detects a part again.")


class DatasetVersionView(AddingView):
    @extend_schema(
        operation_id="read_dataset_again",
        summary="Read a stored file again with another recipe",
        description="Adds the next version of the dataset from the stored bytes of this one. What was set before is "
        "kept unless it is changed.",
        tags=["datasets"],
        parameters=[waiting.PREFER],
        request=ReadAgainSerializer,
        responses={
            201: DatasetSerializer,
            200: OpenApiResponse(DatasetSerializer, "The dataset already has a version with this recipe."),
            202: QueuedImportSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
            404: ErrorSerializer, 409: ErrorSerializer, 413: ErrorSerializer, 503: ErrorSerializer,
            507: ErrorSerializer,
        },
        examples=[
            OpenApiExample("Another delimiter", {"recipe": {"delimiter": ";"}}, request_only=True),
            OpenApiExample(
                "Another type", {"recipe": {"columns": [{"name": "zip", "type": "category"}]}}, request_only=True
            ),
        ],
    )  # fmt: skip
    @idempotent
    def patch(self, request, name, version):
        stored = Dataset.objects.named(name).version(version)
        changes = ReadAgainSerializer.validated(request.data)["recipe"]
        with errors_within("recipe"):
            added = upload.read_again(stored, corrections=changes, by=request.user)
        return self.answer(request, added)
