from django.apps import AppConfig
from django.utils.module_loading import import_string


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self):
        """Put the proofs of what is served into training and promotion, which know nothing of serving.

        By name: they import pandas, and a process that waits for work should be small.
        """
        from mlplatform import errors
        from registry import proofs

        proofs.PROVERS.append(_later("serving.engine.registration.prove"))
        proofs.REHEARSALS.append(_later("serving.model_cache.cache.rehearse"))
        for path in ("/v1", "/v2"):
            errors.SHAPES[path] = _later("serving.protocols.v2.error_body")
        errors.SHAPES["/invocations"] = _later("serving.protocols.invocations.error_body")


def _later(name: str):
    return lambda *args: import_string(name)(*args)
