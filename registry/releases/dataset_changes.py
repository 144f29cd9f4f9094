"""Which models a changed table does not fit any more. Called by the catalog, through settings."""

from django.db.models import Exists, OuterRef, Q

from catalog.models import DatasetVersion
from registry.models import ModelVersion, Release
from registry.querysets import WIDE_COLUMNS

MAX_MODELS = 200  # the live and the newest ones: a receipt waits for them
MAX_REASONS = 5
NOT_READ = [column for column in WIDE_COLUMNS if column != "signature"]


def models_that_do_not_fit(trained_on: DatasetVersion, columns: list[dict]) -> list[dict]:
    """The models of a dataset version that cannot predict rows of these columns: `version`, `stages` and `reasons`.

    Those that are live count too, whatever they were trained on, if they fit the version. Of thousands, the live and
    the newest are checked.
    """
    types, before = ({one["name"]: one["type"] for one in side} for side in (columns, trained_on.columns))
    live = Release.objects.live().filter(model_version=OuterRef("pk"))
    models = ModelVersion.objects.with_releases().filter(dataset=trained_on.dataset_id)
    models = models.defer(*NOT_READ).annotate(is_live=Exists(live)).order_by("-is_live", "-number")
    unfit = []
    for model in models.filter(Q(dataset_version=trained_on) | Q(is_live=True))[:MAX_MODELS]:
        if any(_reason(one, before) for one in model.signature["inputs"]):
            continue
        reasons = [reason for one in model.signature["inputs"] if (reason := _reason(one, types))]
        if reasons:
            more = [f"{len(reasons) - MAX_REASONS:,} more columns"] if len(reasons) > MAX_REASONS else []
            unfit.append(
                {
                    "version": model.number,
                    "stages": model.live_stages,
                    "reasons": reasons[:MAX_REASONS] + more,
                }
            )
    return unfit


def _reason(wanted: dict, types: dict[str, str]) -> str | None:
    name, kind = wanted["name"], wanted["type"]
    if name not in types:
        return f"`{name}` is missing"
    if types[name] == kind or (kind, types[name]) == ("number", "integer"):
        return None
    return f"`{name}` is {types[name]} instead of {kind}"
