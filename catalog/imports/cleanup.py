"""Delete the uploads that were neither added to the catalog nor discarded. Imports nothing large."""

from datetime import timedelta

from catalog.imports import drafts
from catalog.models import Draft
from mlplatform import storage
from mlplatform.resilience.database_clock import ago

KEEP = timedelta(days=1)


def sweep() -> None:
    """Discard drafts after a day, and uploads that were interrupted. Raises NotReady if the store does not respond."""
    old = Draft.objects.filter(created_at__lt=ago(KEEP))
    if old.exists():
        storage.check(storage.datasets())  # a draft without its row would leave its file
        for draft in old.defer("receipt"):
            drafts.discard(draft)
