"""Request bodies: chunks joined, large ones read to their end, compressed ones decompressed within bounds."""

import contextlib
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from typing import IO

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

from mlplatform.errors import TooLarge, UnsupportedType, error_response
from mlplatform.web.request_limits import MB, content_length, is_chunked, is_multipart, size_limit

BLOCK = 64 * 1024
UNREAD_BYTES = 64 * 1024  # that fit into the sockets' buffers
# The time is checked between reads: a client that sends next to nothing holds its thread longer, as within any body.
DRAIN_BYTES, DRAIN_S = 4096 * MB, 60
# Tables as JSON compress to a tenth. A body that expands far more is meant to exhaust the server's memory.
MAX_EXPANSION, ALWAYS_ALLOWED_BYTES = 100, 4 * MB
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib detects the format from the header


class RequestBody:
    """A WSGI application in front of another one, for bodies in chunks and for bodies that are not read.

    Django reads as many bytes as Content-Length says, so a body in chunks is read first, into memory or, from 1 MB, a
    temporary file. An upload that ends early is refused: Django would store the part of the file that arrived. What is
    left unread of a large body is drained after the response was sent: closing at once would reset the connection, and
    a client that sends before it reads would never see the response.
    """

    def __init__(self, application: Callable):
        self.application = application

    def __call__(self, environ: dict, start_response):
        body, in_chunks = environ["wsgi.input"], is_chunked(environ)
        refusal = _check_upload(environ, body, in_chunks) if is_multipart(environ) else None
        if refusal is None and in_chunks and environ.get("wsgi.input_terminated"):
            refusal = _join_chunks(environ)
        response = send(refusal, start_response) if refusal else self.application(environ, start_response)
        if in_chunks or content_length(environ) > UNREAD_BYTES:
            return _DrainingResponse(response, body)
        return response


def _check_upload(environ: dict, body, in_chunks: bool) -> HttpResponse | None:
    """Have the end of a multipart body checked. Returns the response that refuses a compressed one."""
    if environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() != "identity":
        message = "A multipart body cannot have a Content-Encoding. Compress the file in it, as table.csv.gz."
        return _refuse(environ, 415, message, "unsupported_encoding")
    if not in_chunks:
        environ["wsgi.input"] = _WholeBody(body, content_length(environ))
    return None


class _WholeBody:
    """A body that raises an error if it ends before its length, instead of ending."""

    def __init__(self, body, length: int):
        self.body, self.left = body, length

    def read(self, size: int) -> bytes:
        return self._counted(self.body.read(size))

    def readline(self, size: int) -> bytes:
        return self._counted(self.body.readline(size))

    def _counted(self, block: bytes) -> bytes:
        self.left -= len(block)
        if not block and self.left > 0:
            raise ConnectionResetError("the request body ended early")
        return block


def send(response: HttpResponse, start_response: Callable) -> list[bytes]:
    """Send a response of Django as that of a WSGI application."""
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]


def _join_chunks(environ: dict) -> HttpResponse | None:
    """Replace a body in chunks by a file with a length. Returns the response that refuses it, if it is not valid."""
    what, limit_mb, limit = size_limit(environ)
    file, length = tempfile.SpooledTemporaryFile(max_size=MB), 0  # noqa: SIM115 - closed with the request
    while length <= limit:
        try:
            block = environ["wsgi.input"].read(BLOCK)
        except Exception:  # noqa: BLE001 - each web server has its own errors for malformed chunks
            return _refuse(
                environ, 400, "The request body is not in valid chunks, or ended early.", "parse_error"
            )
        if not block:
            break
        file.write(block)
        length += len(block)
    if length > limit:
        return _refuse(environ, 413, f"The {what} exceeds the limit of {limit_mb} MB.", "too_large")
    if is_multipart(environ) and not _has_last_boundary(
        file
    ):  # granian does not report a body that ends early
        return _refuse(environ, 400, "The request body ended early.", "parse_error")
    file.seek(0)
    del environ["HTTP_TRANSFER_ENCODING"]
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = file, str(length)
    return None


def _has_last_boundary(file: IO[bytes]) -> bool:
    file.seek(max(0, file.tell() - BLOCK))
    return file.read().rstrip().endswith(b"--")


def _refuse(environ: dict, status: int, detail: str, code: str) -> HttpResponse:
    response = error_response(WSGIRequest(environ), status, detail=detail, code=code)
    response["Connection"] = "close"
    response["Content-Length"] = str(len(response.content))
    return response


class _DrainingResponse:
    def __init__(self, parts: Iterable[bytes], body):
        self.parts, self.body = parts, body

    def __iter__(self):
        return iter(self.parts)

    def close(self) -> None:
        if hasattr(self.parts, "close"):
            self.parts.close()
        left, end = DRAIN_BYTES, time.monotonic() + DRAIN_S
        with contextlib.suppress(Exception):  # the client is gone, or the chunks are malformed
            while left > 0 and time.monotonic() < end and (block := self.body.read(BLOCK)):
                left -= len(block)


def read_content(request: HttpRequest) -> bytes:
    """The decompressed body. Raises ValidationError if it is corrupt, TooLarge or UnsupportedType."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    try:
        body = request.body
    except RequestDataTooBig as error:  # multipart, for which the request size limit is higher
        raise _too_large() from error
    except UnreadablePostError as error:
        raise ValidationError("The request body ended early.", code="parse_error") from error
    if encoding in {"identity", ""}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise UnsupportedType(
            "Content-Encoding must be gzip, deflate or identity.", code="unsupported_encoding"
        )
    return _decompress(body, encoding)


def _decompress(body: bytes, encoding: str) -> bytes:
    max_bytes = settings.MAX_REQUEST_MB * MB
    limit = min(max(MAX_EXPANSION * len(body), ALWAYS_ALLOWED_BYTES), max_bytes)
    stream = zlib.decompressobj(wbits=GZIP_OR_ZLIB)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise ValidationError(f"The body is not valid {encoding} data.", code="parse_error") from error
    if len(content) > limit:
        if limit < max_bytes:
            raise TooLarge(
                f"The body expands to more than {MAX_EXPANSION} times its compressed size. Send it uncompressed.",
                code="too_large",
            )
        raise _too_large()
    if not stream.eof or stream.unused_data:
        raise ValidationError(f"The body is not valid {encoding} data.", code="parse_error")
    return content


def _too_large() -> TooLarge:
    return TooLarge(f"The request is larger than the {settings.MAX_REQUEST_MB} MB limit.", code="too_large")
