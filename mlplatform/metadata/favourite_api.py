"""The API of favourites: the same calls for objects of any kind."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from mlplatform.metadata import favourites
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView


class FavouriteView(APIView):
    """Marks an object as a favourite of the caller. A subclass says which, and is described_as() its kind."""

    methods_without_body = ("PUT", "DELETE")

    def get_owner(self, **kwargs):
        """The object at this path. Raises NotFound."""
        raise NotImplementedError

    def put(self, request, **kwargs):
        favourites.mark(self.get_owner(**kwargs), is_favourite=True, by=request.user)
        return Response(status=204)

    def delete(self, request, **kwargs):
        favourites.mark(self.get_owner(**kwargs), is_favourite=False, by=request.user)
        return Response(status=204)


def described_as(noun: str, *, name: str, tag: str):
    """Decorator: the description of a FavouriteView in the schema; `name` is the end of its operation ids."""
    common = {
        "description": "Without effect if it is so already.",
        "tags": [tag],
        "responses": {204: None, 404: ErrorSerializer},
    }
    return extend_schema_view(
        put=extend_schema(
            operation_id=f"favourite_{name}",
            summary=f"Make a {noun} a favourite of yours",
            request=None,
            **common,
        ),
        delete=extend_schema(
            operation_id=f"unfavourite_{name}", summary=f"Remove a {noun} from your favourites", **common
        ),
    )
