"""MLflow's error codes and bodies: `{"error_code": ..., "message": ...}`.

Its client retries 429, 500, 502, 503 and 504 for minutes, so no failure that will repeat may have one of these.
"""

from django.core.exceptions import ValidationError
from rest_framework.response import Response

from mlplatform.errors import Conflict, api_exception_handler

CODES = {
    400: "INVALID_PARAMETER_VALUE", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT", 413: "BAD_REQUEST", 429: "REQUEST_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR",
    501: "NOT_IMPLEMENTED", 503: "TEMPORARILY_UNAVAILABLE", 507: "RESOURCE_EXHAUSTED",
}  # fmt: skip
# By the code of ours.
OWN_CODES = {
    "not_found": "ENDPOINT_NOT_FOUND",
    "method_not_allowed": "ENDPOINT_NOT_FOUND",
    "already_exists": "RESOURCE_ALREADY_EXISTS",
}
WILL_REPEAT = {"artifact_refused", "artifact_incompatible"}  # 503 elsewhere


class NotImplementedHere(ValidationError):
    """A call of MLflow's API that is not ours, with the sentence what to do instead."""

    status = 501

    def __init__(self, sentence: str):
        super().__init__(sentence, code="not_implemented")


def error_body(failure: dict, status: int) -> dict:
    """The ERROR_BODIES of MLflow's API."""
    code = OWN_CODES.get(failure["code"]) or CODES.get(status, "BAD_REQUEST")
    return {"error_code": code, "message": failure["detail"]}


def exception_handler(error: Exception, context: dict) -> Response | None:
    """The response to an expected error; None for any other, which is logged as a crash."""
    if getattr(error, "code", None) in WILL_REPEAT:
        error = Conflict(error.message, code=error.code)
    response = api_exception_handler(error, context)
    if response is not None:
        response.data = error_body(response.data, response.status_code)
    return response
