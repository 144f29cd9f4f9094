"""The few calls of a tracking server that the mirror makes, by HTTP.

MLflow's own client would be 29 more packages: see docs/decisions/mlflow-mirror.md. The calls are those of mlflow 3
`protos/service.proto`, below `/api/2.0`.
"""

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

TIMEOUT_S = 30
MAX_MESSAGE = 300
MAX_ANSWER = 10 * 1024**2  # bytes


class _RefusedRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would send the credentials to wherever a server redirects, and a POST as a GET."""

    def redirect_request(self, *args) -> None:
        return None


OPENER = urllib.request.build_opener(_RefusedRedirect)


class MirrorError(Exception):
    """A call that failed, with its code of MLflow if the server answered, and a sentence."""

    def __init__(self, sentence: str, *, code: str = ""):
        super().__init__(sentence)
        self.code = code


class TrackingClient:
    """Calls the server at `uri`, which can have a user and a password in it, with a token if there is one."""

    def __init__(self, uri: str, *, token: str = ""):
        parts = urllib.parse.urlsplit(uri)
        self.base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
        self.headers = {}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        elif parts.username:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self.headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def get(self, path: str, **fields) -> dict:
        return self._json("GET", f"mlflow/{path}?{urllib.parse.urlencode(fields)}")

    def post(self, path: str, **fields) -> dict:
        return self._json("POST", f"mlflow/{path}", fields)

    def delete(self, path: str, **fields) -> dict:
        return self._json("DELETE", f"mlflow/{path}", fields)

    def upload(self, path: str, blocks: Iterator[bytes], *, size: int) -> None:
        """Write an artifact through the server, without holding it in memory."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._call("PUT", f"mlflow-artifacts/artifacts/{urllib.parse.quote(path)}", blocks, headers)

    def _json(self, method: str, path: str, fields: dict | None = None) -> dict:
        content = None if fields is None else json.dumps(fields).encode()
        answer = self._call(method, path, content, {"Content-Type": "application/json"})
        try:
            return json.loads(answer or b"{}")
        except ValueError as error:
            raise MirrorError(f"{self.base} did not answer with JSON.") from error

    def _call(self, method: str, path: str, content, headers: dict) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - an address of the settings, http or https
            f"{self.base}/api/2.0/{path}", data=content, headers=headers | self.headers, method=method
        )
        try:
            with OPENER.open(request, timeout=TIMEOUT_S) as response:
                content = response.read(MAX_ANSWER + 1)
        except urllib.error.HTTPError as error:
            raise _failure(method, path, error) from error
        except (OSError, http.client.HTTPException) as error:
            raise MirrorError(f"{self.base} is not responding: {error}") from error
        if len(content) > MAX_ANSWER:
            raise MirrorError(f"{method} {path.partition('?')[0]}: the answer is too large.")
        return content


def _failure(method: str, path: str, error: urllib.error.HTTPError) -> MirrorError:
    if 300 <= error.code < 400:
        sentence = (
            f"The server redirects ({error.code}). Set MLFLOW_MIRROR_URI to the address that it redirects to."
        )
        return MirrorError(sentence)
    try:
        body = json.loads(error.read(MAX_ANSWER))
        code, message = str(body["error_code"]), str(body.get("message", ""))
    except (ValueError, KeyError, TypeError, OSError):
        code, message = "", ""
    call = path.partition("?")[0]
    return MirrorError(f"{method} {call}: {error.code} {code} {message}".strip()[:MAX_MESSAGE], code=code)
