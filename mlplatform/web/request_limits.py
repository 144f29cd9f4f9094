"""The size limit of request bodies, enforced before a body is read."""

import math
import time

from django.conf import settings

from mlplatform.errors import error_response


class RequestSizeMiddleware:
    """Refuse a body that says it is too large before a byte of it is read.

    The refused body is then read and dropped for a while: closing at once would reset the connection,
    and a client that sends before it reads would never see the answer.
    """

    OVERHEAD = 1024 * 1024  # the form fields and boundaries around an uploaded file
    DRAIN, DRAIN_S = 4 * 1024**3, 60

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        uploads = (request.content_type or "") == "multipart/form-data"
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            sentence = "Send a Content-Length: a body in chunks of unknown length is not taken."
            return error_response(request, 411, detail=sentence, code="length_required")
        limit_mb = settings.MAX_UPLOAD_MB if uploads else settings.MAX_REQUEST_MB
        most = limit_mb * 1024**2 + (self.OVERHEAD if uploads else 0)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) <= most:
            return self.get_response(request)
        what = "A file" if uploads else "A request"
        sentence = (
            f"{what} may have {limit_mb} MB at most; this one has {math.ceil(int(length) / 1024**2)} MB."
        )
        response = error_response(request, 413, detail=sentence, code="too_large")
        response["Connection"] = "close"
        stream = request.META["wsgi.input"]

        def drain():
            left, end = min(int(length), self.DRAIN), time.monotonic() + self.DRAIN_S
            while left > 0 and time.monotonic() < end and (chunk := stream.read(min(left, 64 * 1024))):
                left -= len(chunk)

        response._resource_closers.append(drain)
        return response
