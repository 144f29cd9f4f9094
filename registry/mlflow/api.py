"""The views of MLflow's API: fields of the query or the body, one operation, its JSON. No sessions and no CSRF.

See mlflow 3 `protos/service.proto` and `store/model_registry/rest_store.py`. A DELETE has a JSON body.
"""

from collections.abc import Callable, Mapping

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers, views
from rest_framework.response import Response

from mlplatform.auth.authentication import BearerAuthentication
from mlplatform.validation import unknown_names
from mlplatform.validation.serializers import Serializer
from registry.mlflow import model_files, operations
from registry.mlflow.authentication import PasswordAuthentication
from registry.mlflow.errors import NotImplementedHere, exception_handler


class MLflowView(views.APIView):
    authentication_classes = [BearerAuthentication, PasswordAuthentication]
    schema = None  # described by MLflow, and in docs/mlflow.md

    def get_exception_handler(self) -> Callable:
        return exception_handler


def endpoint(**calls: tuple[type[Serializer], Callable[..., dict]]) -> Callable:
    """A view that answers each method by an operation, with the fields of its call: `get=(Name, get_model)`."""
    handlers = {method: _handler(*call) for method, call in calls.items()}
    return type("Endpoint", (MLflowView,), handlers).as_view()


def _handler(fields: type[Serializer], operation: Callable[..., dict]) -> Callable:
    def handle(self, request) -> Response:
        values = fields.validated(_given(request, fields))
        return Response(operation(request.user, **values))

    return handle


def _given(request, fields: type[Serializer]) -> Mapping:
    """The fields of the query of a GET, else of the body. An empty body has none."""
    if request.method != "GET":
        unknown_names.check_query(request.query_params, ())
        return {} if request.data is None or request.data == "" else request.data
    declared = fields().fields.items()
    lists = {name for name, field in declared if isinstance(field, serializers.ListField)}
    query = request.query_params
    unknown_names.check_query(query, [name for name, _ in declared], lists=lists)
    return {name: query.getlist(name) if name in lists else query[name] for name in query}


class FileView(MLflowView):
    """A file of a version, as the clients download it."""

    def get(self, request, path: str) -> HttpResponseBase:
        unknown_names.check_query(request.query_params, ())
        version, name = model_files.find(path)
        file = model_files.file(version, name)
        response = StreamingHttpResponse(file.blocks(), content_type="application/octet-stream")
        response["Content-Length"] = str(file.size)
        return response

    def put(self, request, path: str) -> Response:
        raise NotImplementedHere("The files of a model version cannot be changed here.")

    delete = put


class TrackingView(MLflowView):
    """Every call of a tracking server."""

    def get(self, request, rest: str = "") -> Response:
        raise NotImplementedHere(operations.NOT_A_TRACKING_SERVER)

    post = put = patch = delete = get
