"""The decorator of API operations that accept an Idempotency-Key."""

import hashlib
import re
from collections.abc import Callable
from functools import wraps
from typing import IO

import orjson
from django.core.exceptions import ValidationError
from django.core.files import File
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer

from mlplatform import hashing, storage
from mlplatform.errors import NotReady
from mlplatform.idempotency import keys
from mlplatform.idempotency.models import IdempotentRequest

FOLDER = "idempotent-responses"  # in the datasets bucket; no dataset can have this name
REPLAYED = "Idempotency-Replayed"
PARAMETERS = [
    OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 255},
        OpenApiParameter.HEADER,
        description="A unique value, such as a UUID, with which the request can be repeated safely: for 24 hours a "
        "repeat gets the first response and changes nothing.",
    ),
    OpenApiParameter(
        REPLAYED,
        bool,
        OpenApiParameter.HEADER,
        response=[200, 201, 202],
        description="`true` if the response is that of an earlier request with the same Idempotency-Key.",
    ),
]


def idempotent(post: Callable) -> Callable:
    """Let a repeat of a request with the same Idempotency-Key get the same response, without running `post` again.

    `post` ends with `view.respond(request, result)`, which also answers a repeat of a request that did its work but
    never responded. Its operation calls keys.attach(result) in its transaction. Errors are not stored, so that the
    request can be repeated, unless there is a result: a training that failed has run.
    """

    @wraps(post)
    def run(view, request, *args, **kwargs):
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return post(view, request, *args, **kwargs)
        row, is_owner = keys.claim(
            request.user,
            key=_checked(key),
            operation=f"{request.method} {request.path_info}"[:255],
            fingerprint=fingerprint(request),
        )
        if is_owner:
            return _response(view, request, row, lambda: post(view, request, *args, **kwargs))
        if row.status is not None:
            return _replayed(row)
        return _response_to_repeat(view, request, row)

    return extend_schema(parameters=PARAMETERS)(run)


def _checked(key: str) -> str:
    if not re.fullmatch(r"[!-~]{1,255}", key):
        raise ValidationError(
            "An Idempotency-Key has 1 to 255 visible ASCII characters and no spaces.",
            code="invalid_idempotency_key",
        )
    return key


def fingerprint(request) -> str:
    """A SHA-256 of the fields and files of a request, which does not depend on how its body is encoded."""
    fields = request.data
    if hasattr(fields, "lists"):  # a form, whose boundary differs between two sends
        fields = {name: [_content(value) for value in values] for name, values in fields.lists()}
    try:
        content = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise ValidationError("The request body is nested too deeply.", code="parse_error") from error
    return hashlib.sha256(content).hexdigest()


def _content(value: str | File) -> str | list[str]:
    if not isinstance(value, File):
        return value
    sha256 = hashing.sha256(value)
    value.seek(0)
    return [value.name, sha256]


def _response(
    view, request, row: IdempotentRequest, call: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    try:
        with keys.running(row):
            response = call()
    except keys.AlreadyDone:
        return _response_to_repeat(view, request, row)
    except Exception as error:
        keys.release(row)
        if not keys.has_result(row):
            raise
        if row.result_id is None:  # another request, whose lease had expired, has done the work meanwhile
            return _response_to_repeat(view, request, row)
        if isinstance(error, NotReady):
            row.delete()
            raise
        response = view.handle_exception(error)
    if response.status_code < 500 and not _store(row, response):
        return _replayed(row)
    return response


def _response_to_repeat(view, request, row: IdempotentRequest) -> HttpResponseBase:
    response = _response(view, request, row, lambda: view.respond(request, keys.result(row)))
    response[REPLAYED] = "true"
    return response


def _store(row: IdempotentRequest, response: HttpResponseBase) -> bool:
    """Store a response; False if another request with the key has stored its own."""
    fields = {"status": response.status_code, "headers": dict(response.items())}
    if response.streaming:
        return _store_file(row, response.file_to_stream, **fields)
    fields["headers"]["Content-Type"] = JSONRenderer.media_type
    return keys.store(row, **fields, body=JSONRenderer().render(response.data).decode())


def _store_file(row: IdempotentRequest, file: IO[bytes], **fields) -> bool:
    body_key = f"{storage.unique_folder(FOLDER)}/body"
    try:
        storage.save(storage.datasets(), body_key, file)
    except NotReady:  # a repeat computes the file again
        keys.release(row)
        is_stored = True
    else:
        is_stored = keys.store(row, **fields, body_key=body_key)
        if not is_stored:
            storage.discard(storage.datasets(), body_key)
    file.seek(0)
    return is_stored


def _replayed(row: IdempotentRequest) -> HttpResponseBase:
    headers = row.headers | {REPLAYED: "true"}
    if row.body_key:
        response = FileResponse(storage.open_file(storage.datasets(), row.body_key), status=row.status)
        for name, value in headers.items():
            response[name] = value
        return response
    return HttpResponse(row.body, status=row.status, headers=headers)
