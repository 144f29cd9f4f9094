"""Which models a changed table does not fit any more. Called by the catalog, through settings."""

from catalog.models import DatasetVersion
from registry.models import ModelVersion

MAX_REASONS = 5


def models_that_do_not_fit(trained_on: DatasetVersion, columns: list[dict]) -> list[dict]:
    """The models of a dataset version that cannot predict rows of these columns: `version`, `stages` and `reasons`."""
    types = {column["name"]: column["type"] for column in columns}
    models = ModelVersion.objects.with_releases().filter(dataset_version=trained_on).order_by("-number")
    unfit = []
    for model in models:
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
