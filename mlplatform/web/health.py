"""Health probes, answered before host validation, sessions and redirects: probes use the address of a pod."""

import time
from collections.abc import Callable
from concurrent.futures import wait

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from django.utils.module_loading import import_string

from mlplatform import storage
from mlplatform.errors import RETRY_AFTER_S, StorageForbidden, body_of, error_response
from mlplatform.resilience import circuit_breaker
from mlplatform.resilience.background import SingleFlight, result_within
from mlplatform.validation import unknown_names
from mlplatform.web import process

TIMEOUT_S = 1.5  # SageMaker allows 2 s for /ping, and most orchestrators allow as much for /readyz
NOT_MIGRATED = "migrations are missing"
REPORTS_S = 60
REPORT_WAIT_S = 0.2  # after the checks, which run at the same time
_checks = SingleFlight(2, "storage check")
_queries = SingleFlight(2, "health query", close_connections=True)


class DatabaseCheck:
    """Whether the database answers and has all migrations.

    Once it has them it always will: new ones come with a new release, and so with new processes. To build their graph
    takes 13 ms of CPU, which can be more than TIMEOUT_S on a busy machine; a query takes 0.4 ms.
    """

    def __init__(self):
        self._is_migrated = False

    def __call__(self) -> str:
        try:
            with circuit_breaker.short_timeout():
                if self._is_migrated:
                    get_user_model().objects.exists()
                else:
                    executor = MigrationExecutor(connection)
                    self._is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        except (DatabaseError, InterfaceError):
            return "no answer"
        return "ok" if self._is_migrated else NOT_MIGRATED


_database = DatabaseCheck()


def _storage(store) -> str:
    try:
        storage.check(store)
    except StorageForbidden:
        return "no access"
    except ValidationError:
        return "no answer"
    return "ok"


def readiness() -> dict[str, str]:
    """The state of each service that a request may need: "ok" or what is wrong."""
    futures = {
        "database": _queries.start("database", _database),
        "datasets": _checks.start("datasets", lambda: _storage(storage.datasets())),
        "trained_models": _checks.start("trained_models", lambda: _storage(storage.models())),
    }
    wait(futures.values(), TIMEOUT_S)
    return {name: future.result() if future.done() else "no answer" for name, future in futures.items()}


class Reports:
    """What the READINESS_REPORTS say. They read every live model, and each balancer probes every few seconds."""

    def __init__(self, *, keep_s: float = REPORTS_S, clock: Callable[[], float] = time.monotonic):
        self._keep_s, self._clock = keep_s, clock
        self._made_at, self._reports = float("-inf"), {}

    def __call__(self) -> dict[str, dict]:
        """At most `keep_s` seconds old; none if the database is down."""
        if self._clock() - self._made_at < self._keep_s:
            return self._reports
        try:
            with circuit_breaker.short_timeout():
                reports = {name: import_string(path)() for name, path in settings.READINESS_REPORTS.items()}
        except (DatabaseError, InterfaceError):
            return {}
        self._made_at, self._reports = self._clock(), reports
        return reports


_reports = Reports()


def _ping() -> bool:
    return all(import_string(path)() for path in settings.PING_CHECKS)


def _is_degraded() -> bool:
    return any(import_string(path)() for path in settings.DEGRADED_CHECKS)


class HealthMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        probe = PROBES.get(request.path_info.removesuffix("/"))
        if probe is None:
            return self.get_response(request)
        return _refusal(request) or probe()


def _refusal(request) -> HttpResponse | None:
    """The response to a method or a query parameter that probes do not have."""
    if request.method not in {"GET", "HEAD"}:
        sentence = f'Method "{request.method}" not allowed.'
        response = error_response(request, 405, detail=sentence, code="method_not_allowed")
        response["Allow"] = "GET, HEAD"
        return response
    try:
        unknown_names.check_query(request.GET, ())
    except ValidationError as error:
        body = body_of(error)
        return error_response(request, 400, detail=body["detail"], code=body["code"])
    return None


def _live_response() -> JsonResponse:
    return JsonResponse({"status": "ok"})


def _ping_response() -> HttpResponse:
    passes = result_within(_queries.start("ping", _ping), TIMEOUT_S, default=False)
    return HttpResponse(status=200 if passes else 404)


def _ready_response() -> JsonResponse:
    if process.is_draining():
        return JsonResponse({"status": "draining", "ready": False, "checks": {}}, status=503)
    reports = _queries.start("reports", _reports)
    checks = readiness()
    is_ok = all(state == "ok" for state in checks.values())
    # A degraded server still takes requests: if a load balancer removed all of them, it would be an outage. One whose
    # code is newer than the database has others beside it, or would answer with errors.
    is_degraded = not is_ok and checks["database"] != NOT_MIGRATED and _is_degraded()
    is_ready = is_ok or is_degraded
    status = "ok" if is_ok else "degraded" if is_degraded else "not ready"
    body = {"status": status, "ready": is_ready, "checks": checks} | result_within(
        reports, REPORT_WAIT_S, default={}
    )
    response = JsonResponse(body, status=200 if is_ready else 503)
    if not is_ok:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


PROBES = {
    "/livez": _live_response,
    "/healthz": _live_response,
    "/readyz": _ready_response,
    # Of SageMaker and MLflow: 404 while the model of INVOCATIONS_MODEL cannot predict.
    "/ping": _ping_response,
    "/health": _ping_response,
    "/v2/health/live": lambda: JsonResponse({"live": True}),
    "/v2/health/ready": _ready_response,
}
