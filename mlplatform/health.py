"""The probes, answered before host validation, sessions and redirects: a probe comes by pod address."""

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse

from mlplatform import storage
from mlplatform.errors import RETRY_AFTER_S


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations are missing"
    except DatabaseError:
        return "no answer"
    return "ok"


def _storage(store) -> str:
    try:
        storage.check(store)
    except ValidationError:
        return "no answer"
    return "ok"


def readiness() -> dict[str, str]:
    """Each thing that a request may need, and "ok" or what is wrong with it."""
    return {
        "database": _database(),
        "datasets": _storage(storage.datasets()),
        "trained_models": _storage(storage.models()),
    }


class HealthMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path in {"/livez", "/healthz"}:
            return JsonResponse({"status": "ok"})
        if request.path == "/ping":
            return HttpResponse(status=200)
        if request.path == "/readyz":
            checks = readiness()
            ready = all(state == "ok" for state in checks.values())
            response = JsonResponse(
                {"status": "ok" if ready else "not ready", "checks": checks}, status=200 if ready else 503
            )
            if not ready:
                response["Retry-After"] = str(RETRY_AFTER_S)
            return response
        return self.get_response(request)
