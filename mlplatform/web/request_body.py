"""Request bodies: slow, in chunks and unread ones hold few threads; compressed ones are decompressed within bounds."""

import contextlib
import io
import queue
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils.http import parse_header_parameters

from mlplatform.errors import ENDED_EARLY, NotReady, TooLarge, UnsupportedType, as_expected, is_disk_full
from mlplatform.web import process
from mlplatform.web.request_limits import (
    DECOMPRESSED,
    MB,
    REFUSAL,
    anonymous_limit,
    body_size,
    check_credentials,
    content_length,
    in_units,
    is_chunked,
    is_multipart,
    size_limit,
)

BLOCK = 64 * 1024
SMALL_BYTES = 64 * 1024  # that fit into the sockets' buffers, and that anyone can send
# Of a body in chunks that many bytes are read at once: if there are as many, it requires credentials.
CHUNKS = SMALL_BYTES + 1
LARGE_WAIT_S = 0.2  # until other large bodies have arrived
LARGE_BYTES = 4 * MB  # a prediction of that many takes 0.2 s, and the collection after it 0.05 s
# The time is checked between reads: a client that sends next to nothing holds its thread longer, as within any body.
DRAIN_BYTES, DRAIN_S = 4096 * MB, 60
# Tables as JSON compress to a tenth. A body that expands far more is meant to exhaust the server's memory.
MAX_EXPANSION, ALWAYS_ALLOWED_BYTES = 100, 4 * MB
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib detects the format from the header


class RequestBody:
    """A WSGI application in front of another one, for bodies in chunks and for bodies that are not read.

    Django reads as many bytes as Content-Length says, so a body in chunks is read first, into memory or, from 1 MB, a
    temporary file. A body that ends early is refused: Django would use the part that arrived. What is left unread of a
    large body is drained after the response was sent: closing at once would reset the connection, and a client that
    sends before it reads would never see the response.

    A slow client holds a thread: at most half of the threads receive large bodies, and a quarter drains them.
    """

    def __init__(self, application: Callable):
        self.application = application
        self.receiving = threading.Semaphore(max(1, settings.WEB_THREADS // 2))
        self.draining = threading.Semaphore(max(1, settings.WEB_THREADS // 4))

    def __call__(self, environ: dict, start_response):
        body, length, in_chunks = environ["wsgi.input"], content_length(environ), is_chunked(environ)
        with contextlib.ExitStack() as reception:
            if length or in_chunks:
                try:
                    self._receive(environ, reception, length=length, in_chunks=in_chunks)
                except (ValidationError, OSError) as error:
                    if not isinstance(error, ValidationError) and not is_disk_full(error):
                        raise
                    environ[REFUSAL] = as_expected(error)  # the application responds, with its headers
            response = self.application(environ, start_response)
        if in_chunks or length > SMALL_BYTES:
            return _DrainingResponse(response, body, environ, self.draining)
        return response

    def _receive(
        self, environ: dict, reception: contextlib.ExitStack, *, length: int, in_chunks: bool
    ) -> None:
        """Replace the body by one that Django can read. Raises ValidationError if it is refused.

        `reception` ends with a large body, or with the response.
        """
        if is_multipart(environ) and _encoding(environ) != "identity":
            raise UnsupportedType(
                "A multipart body cannot have a Content-Encoding. Compress the file in it, as table.csv.gz.",
                code="unsupported_encoding",
            )
        if in_chunks and not environ.get("wsgi.input_terminated"):
            return
        if in_chunks or length > SMALL_BYTES:
            if not self.receiving.acquire(timeout=LARGE_WAIT_S):
                raise NotReady(
                    "The server is receiving many large requests. Try again in a moment.", code="busy"
                )
            reception.callback(self.receiving.release)
        if in_chunks:
            _join_chunks(environ)
            reception.close()
        else:
            environ["wsgi.input"] = _WholeBody(environ["wsgi.input"], length, on_end=reception.close)


class Turns:
    """A WSGI application in front of another one, for a web server that has more threads than requests may run.

    A thread takes a turn once the first SMALL_BYTES of its request's body have arrived: so slow clients hold threads,
    but no turns. Each turn has a database connection, which its thread uses, so that there are no more of them either.
    The turn that became free last is the next, so that no more are opened than requests run at once.
    """

    def __init__(self, application: Callable, *, turns: int):
        self.application = application
        self._turns = [_shared_connections() for _ in range(turns)]
        self._free = queue.SimpleQueue()  # counts them: any other queue or semaphore takes 4 microseconds
        for _ in range(turns):
            self._free.put(None)

    def __call__(self, environ: dict, start_response):
        _read_ahead(environ)
        self._free.get()
        turn = self._turns.pop()
        try:
            for alias, connection in turn.items():
                connections[alias] = connection
            return self.application(environ, start_response)
        finally:
            for alias in turn:
                del connections[alias]
            self._turns.append(turn)
            self._free.put(None)


def _shared_connections() -> dict[str, BaseDatabaseWrapper]:
    """A connection to each database, not opened yet, that any thread can use."""
    created = {alias: connections.create_connection(alias) for alias in connections}
    for connection in created.values():
        connection.inc_thread_sharing()
    return created


def _read_ahead(environ: dict) -> None:
    length, in_chunks, body = content_length(environ), is_chunked(environ), environ["wsgi.input"]
    if not length and not in_chunks:
        return
    with contextlib.suppress(Exception):  # malformed chunks: the application reads and refuses them
        first = body.read(CHUNKS if in_chunks else min(length, SMALL_BYTES))
        is_whole = not in_chunks and length <= SMALL_BYTES
        environ["wsgi.input"] = io.BytesIO(first) if is_whole else _PartlyRead(first, body)


class _PartlyRead:
    """A body of which `first` was read already."""

    def __init__(self, first: bytes, body):
        self.first, self.body = io.BytesIO(first), body

    def read(self, size: int) -> bytes:
        block = self.first.read(size)
        return block + self.body.read(size - len(block)) if len(block) < size else block

    def readline(self, size: int) -> bytes:  # Django requires one, and nothing calls it
        return self.first.readline(size) or self.body.readline(size)


def _encoding(environ: dict) -> str:
    return environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() or "identity"


class _WholeBody:
    """A body that raises an error if it ends before its length, and calls `on_end` at its end."""

    def __init__(self, body, length: int, *, on_end: Callable[[], None]):
        self.body, self.left, self.on_end = body, length, on_end

    def read(self, size: int) -> bytes:
        return self._counted(self.body.read(size), size)

    def readline(self, size: int) -> bytes:
        return self._counted(self.body.readline(size), 1)

    def _counted(self, block: bytes, expected: int) -> bytes:
        self.left -= len(block)
        if len(block) < expected and self.left > 0:
            raise ConnectionResetError("the request body ended early")
        if self.left <= 0:
            self.on_end()
        return block


def _join_chunks(environ: dict) -> None:
    """Replace a body in chunks by a file with a length. Raises ValidationError if it is not valid."""
    limit, anonymous = size_limit(environ), anonymous_limit(environ)
    file, length = tempfile.SpooledTemporaryFile(max_size=MB), 0  # noqa: SIM115 - closed with the request
    while length <= limit.max_bytes:
        try:
            block = environ["wsgi.input"].read(CHUNKS)
        except Exception as error:
            raise ValidationError(
                "The request body is not in valid chunks, or ended early.", code="parse_error"
            ) from error
        if not block:
            break
        length += len(block)
        if length - len(block) <= anonymous < length:  # a session takes two queries
            check_credentials(environ, length)
        file.write(block)
    if length > limit.max_bytes:
        raise TooLarge(f"The {limit.subject} exceeds the limit of {limit.in_words}.", code="too_large")
    if is_multipart(environ) and not _has_last_boundary(file, environ["CONTENT_TYPE"]):
        raise ValidationError(ENDED_EARLY, code="parse_error")
    file.seek(0)
    del environ["HTTP_TRANSFER_ENCODING"]
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = file, str(length)


def _has_last_boundary(file: IO[bytes], content_type: str) -> bool:
    """Whether a multipart body is complete: granian does not report chunks that end early."""
    boundary = parse_header_parameters(content_type)[1].get("boundary")
    file.seek(max(0, file.tell() - BLOCK))
    return boundary is None or f"--{boundary}--".encode() in file.read()  # without one, Django rejects it


class _DrainingResponse:
    """Drains the rest of the body after the response was sent, and releases the memory that a large one took."""

    def __init__(self, parts: Iterable[bytes], body, environ: dict, draining: threading.Semaphore):
        self.parts, self.body, self.environ, self.draining = parts, body, environ, draining

    def __iter__(self):
        return iter(self.parts)

    def close(self) -> None:
        if hasattr(self.parts, "close"):
            self.parts.close()
        if self.draining.acquire(blocking=False):
            self._drain()
        self.parts = ()  # a response can hold the request with its parsed body
        if body_size(self.environ) > LARGE_BYTES:
            process.release_memory()

    def _drain(self) -> None:
        left, end = DRAIN_BYTES, time.monotonic() + DRAIN_S
        try:
            with contextlib.suppress(Exception):  # the client is gone, or the chunks are malformed
                while left > 0 and time.monotonic() < end and (block := self.body.read(BLOCK)):
                    left -= len(block)
        finally:
            self.draining.release()


def read_content(request: HttpRequest, *, max_bytes: int | None = None) -> bytes:
    """The decompressed body, of at most the size_limit() of its address or `max_bytes`.

    Raises ValidationError if it is corrupt, TooLarge or UnsupportedType.
    """
    max_bytes = max_bytes or size_limit(request.META).max_bytes
    if content_length(request.META) > max_bytes:
        raise _too_large(max_bytes)
    try:
        body = request.body
    except UnreadablePostError as error:
        raise ValidationError(ENDED_EARLY, code="parse_error") from error
    encoding = _encoding(request.META)
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise UnsupportedType(
            "Content-Encoding must be gzip, deflate or identity.", code="unsupported_encoding"
        )
    content = _decompress(body, encoding, max_bytes)
    request.META[DECOMPRESSED] = len(content)
    return content


def _decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
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
        raise _too_large(max_bytes)
    if not stream.eof or stream.unused_data:
        raise ValidationError(f"The body is not valid {encoding} data.", code="parse_error")
    return content


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The request is larger than the {in_units(max_bytes)} limit.", code="too_large")
