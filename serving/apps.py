from django.apps import AppConfig


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self):
        """Put the proofs of what is served into training and promotion, which know nothing of serving."""
        from mlplatform import health
        from registry import proofs
        from serving import proving, resident
        from serving.protocols import invocations

        proofs.PROVERS.append(proving.prove)
        proofs.REHEARSALS.append(resident.rehearse)
        health.FALLBACKS.append(resident.is_answering)
        health.PINGS.append(invocations.is_ready)
