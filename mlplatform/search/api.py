"""The API of the search."""

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from mlplatform.openapi import ErrorSerializer
from mlplatform.search import results
from mlplatform.search.relevance import MAX_CHARACTERS, MAX_WORDS
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer

MAX_LIMIT = 50


class SearchQuerySerializer(Serializer):
    q = serializers.CharField(
        max_length=MAX_CHARACTERS,
        help_text=f"At most {MAX_WORDS} words; an object is found if it has all of them.",
    )
    # All apps are loaded: this module is imported with the URLs.
    kind = serializers.ChoiceField(
        choices=[kind for kind, _ in results.kinds()],
        required=False,
        default="",
        help_text="Only this kind of objects.",
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=MAX_LIMIT,
        default=10,
        help_text=f"Results of each kind, from 1 to {MAX_LIMIT}.",
    )


class SearchResultSerializer(serializers.Serializer):
    name = serializers.CharField()
    description = serializers.CharField()
    match = serializers.SerializerMethodField(help_text="How the name matches; `text` if other text does.")
    url = serializers.CharField(help_text="The API call that returns it.")
    page = serializers.CharField()

    def get_match(self, result) -> str:
        return result.match.name.lower()


class SearchGroupSerializer(serializers.Serializer):
    kind = serializers.CharField()
    results = SearchResultSerializer(many=True)
    has_more = serializers.BooleanField(help_text="Whether more were found than `limit`.")


class SearchSerializer(serializers.Serializer):
    groups = SearchGroupSerializer(many=True)


class SearchView(APIView):
    query_parameters = ("q", "kind", "limit")

    @extend_schema(
        operation_id="search",
        summary="Search everything",
        description="Datasets, columns, tags, model versions and jobs, in groups of one kind, the most relevant first: "
        "exact names, then beginnings of names, of words, then other parts.",
        tags=["search"],
        parameters=[SearchQuerySerializer],
        responses={200: SearchSerializer, 400: ErrorSerializer},
    )
    def get(self, request):
        fields = SearchQuerySerializer.validated(request.query_params)
        try:
            groups = results.search(fields.pop("q"), **fields)
        except ValidationError as error:
            raise ValidationError({"q": error}) from error
        return Response(SearchSerializer({"groups": groups}).data)
