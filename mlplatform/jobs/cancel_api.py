"""The API that cancels a job: the same call for jobs of every kind."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView


class CancelView(APIView):
    """Cancels the job at a path, and answers with it. A subclass says how, and cancels() describes it."""

    methods_without_body = ("POST",)

    def cancel(self, pk: int, *, by):
        """Cancel the job and return it. Raises NotFound and Conflict."""
        raise NotImplementedError

    def post(self, request, pk):
        return Response(self.serializer_class(self.cancel(pk, by=request.user)).data)


def cancels(noun: str, *, name: str, tag: str, description: str):
    """Decorator: the description of a CancelView in the schema; `name` is the end of its operation id."""

    def decorate(view):
        described = extend_schema(
            operation_id=f"cancel_{name}",
            summary=f"Cancel {noun}",
            description=description,
            tags=[tag],
            request=None,
            responses={
                200: view.serializer_class,
                **dict.fromkeys((403, 404, 409), ErrorSerializer),
            },
        )
        return extend_schema_view(post=described)(view)

    return decorate
