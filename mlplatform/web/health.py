"""The probes, answered before host validation, sessions and redirects: a probe comes by pod address."""

from concurrent.futures import wait

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from django.utils.module_loading import import_string

from mlplatform import storage
from mlplatform.errors import RETRY_AFTER_S
from mlplatform.resilience import circuit_breaker
from mlplatform.resilience.background import SingleFlight, result_within

ANSWER_S = 1.5  # SageMaker gives /ping 2 s, and so do most who ask /readyz
_checks = SingleFlight(4, "health check", close_connections=True)


def _database() -> str:
    try:
        with circuit_breaker.short_timeout():
            return _migrations()
    except DatabaseError:
        return "no answer"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    is_behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "migrations are missing" if is_behind else "ok"


def _storage(store) -> str:
    try:
        storage.check(store)
    except ValidationError:
        return "no answer"
    return "ok"


def readiness() -> dict[str, str]:
    """Each thing that a request may need, and "ok" or what is wrong with it."""
    checks = {
        "database": _database,
        "datasets": lambda: _storage(storage.datasets()),
        "trained_models": lambda: _storage(storage.models()),
    }
    futures = {name: _checks.start(name, check) for name, check in checks.items()}
    wait(futures.values(), ANSWER_S)
    return {name: future.result() if future.done() else "no answer" for name, future in futures.items()}


def _pings() -> bool:
    return all(import_string(path)() for path in settings.PING_CHECKS)


def _is_degraded() -> bool:
    return any(import_string(path)() for path in settings.DEGRADED_CHECKS)


class HealthMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path in {"/livez", "/healthz"}:
            return JsonResponse({"status": "ok"})
        if request.path in {"/ping", "/health"}:
            # What MLflow and SageMaker ask: 404 while what this server is there for cannot answer.
            answers = result_within(_checks.start("ping", _pings), ANSWER_S, default=False)
            return HttpResponse(status=200 if answers else 404)
        if request.path == "/v2/health/live":
            return JsonResponse({"live": True})
        if request.path in {"/readyz", "/v2/health/ready"}:
            checks = readiness()
            ready = all(state == "ok" for state in checks.values())
            # Degraded still takes requests: a balancer that turned all servers away would make it an outage.
            degraded = not ready and _is_degraded()
            status = "ok" if ready else "degraded" if degraded else "not ready"
            answers = ready or degraded
            response = JsonResponse(
                {"status": status, "ready": answers, "checks": checks}, status=200 if answers else 503
            )
            if not ready:
                response["Retry-After"] = str(RETRY_AFTER_S)
            return response
        return self.get_response(request)
