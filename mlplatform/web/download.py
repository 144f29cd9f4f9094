"""Downloads of stored files, by HTTP's rules for caches and resumed transfers (RFC 9110, sections 8.8, 13 and 14)."""

import io
import re
from typing import IO

from django.core.exceptions import ValidationError
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from mlplatform import storage
from mlplatform.errors import RangeNotSatisfiable
from mlplatform.openapi import ErrorSerializer

ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
BLOCK = 64 * 1024  # bytes; Django's 4 KB take more than twice the time
REVALIDATE = "private, no-cache"  # a copy can be kept, and is used after a check of its ETag
DESCRIPTION = (
    "Send `Range` to resume a download, and `If-None-Match` to skip one that is up to date. A range is not "
    "verified: compare the SHA-256 of the whole."
)
PARAMETERS = [
    OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range, such as `bytes=1000-`."),
    OpenApiParameter("If-Range", str, OpenApiParameter.HEADER, description="The ETag of the first part."),
    OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of a copy."),
]
SPREADSHEET = OpenApiParameter(
    "spreadsheet",
    bool,
    description="Of a CSV file: UTF-8 for spreadsheets, in which an apostrophe precedes each cell that would be a "
    "formula. By default the bytes are as stored.",
)
RESPONSES = {
    (206, "application/octet-stream"): OpenApiTypes.BINARY,
    304: OpenApiResponse(description="The copy is up to date."),
    416: ErrorSerializer,
}


def respond(request: HttpRequest, stored: storage.StoredFile) -> HttpResponseBase:
    """The file, one range of it, only its headers, or 304 for a copy that is up to date.

    Raises RangeNotSatisfiable for a range after the end, and NotReady if the object store is unavailable. Several
    ranges in one request get the whole file, which the RFC allows.
    """
    etag = f'"{stored.etag}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        unchanged["ETag"], unchanged["Cache-Control"] = etag, REVALIDATE
        return unchanged
    span = _range(request, etag, stored.size) if request.method == "GET" else None
    if request.method == "HEAD":
        response = _response(stored, io.BytesIO(), length=stored.size)
    elif span is None:
        response = _response(stored, stored.open(), length=stored.size)
    else:
        start, length = span
        response = _response(stored, stored.open_part(start, length), length=length)
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{stored.size}"
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = REVALIDATE
    return response


def wants_spreadsheet(request: HttpRequest) -> bool:
    """The query parameter `spreadsheet`. Raises ValidationError unless it is true or false."""
    text = request.GET.get("spreadsheet", "false").lower()
    if text not in {"true", "false"}:
        error = ValidationError("`spreadsheet` must be true or false.", code="invalid")
        raise ValidationError({"spreadsheet": error})
    return text == "true"


def _response(stored: storage.StoredFile, file: IO[bytes], *, length: int) -> FileResponse:
    response = FileResponse(
        file, as_attachment=True, filename=stored.filename, content_type=stored.content_type
    )
    response["Content-Length"] = str(length)
    response.block_size = BLOCK
    return response


def _range(request: HttpRequest, etag: str, size: int) -> tuple[int, int] | None:
    """The start and length of the requested range; None for the whole file."""
    match = ONE_RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if match is None or match.group() == "bytes=-" or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size), size - 1)
        if last and int(last) < start:
            return None
    if start > end:
        raise RangeNotSatisfiable(size)
    return start, end - start + 1
