"""Which datasets' releases have changed, so that web processes on all machines ask for the difference only."""

from django.db.models import F, Max

from catalog.models import Dataset
from registry.models import ReleaseChange, ReleaseCounter


def record(dataset: Dataset) -> None:
    """Number a change of a dataset's releases. Call it last in a transaction, which other changes then wait for.

    So numbers are committed in their order, and since() misses none.
    """
    counter = ReleaseCounter.objects.filter(pk=1)
    while not counter.update(number=F("number") + 1):
        ReleaseCounter.objects.get_or_create(pk=1)
    change = ReleaseChange(dataset_id=dataset.pk, number=counter.get().number)
    ReleaseChange.objects.bulk_create(
        [change], update_conflicts=True, unique_fields=["dataset_id"], update_fields=["number"]
    )


def last() -> int:
    """The number of the last change; 0 if there was none."""
    return ReleaseChange.objects.aggregate(number=Max("number"))["number"] or 0


def since(number: int) -> dict[int, int]:
    """The last change of each dataset whose releases have changed after this one, by the key of the dataset."""
    return dict(ReleaseChange.objects.filter(number__gt=number).values_list("dataset_id", "number"))
