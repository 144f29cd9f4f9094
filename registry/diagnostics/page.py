"""The diagnostics of a model version, as the templates need them."""

from collections.abc import Callable

from registry.diagnostics import curve_plots
from registry.models import Diagnostics, ModelVersion

# Of each section what its part of the page shows.
PARTS: dict[str, Callable[[dict, ModelVersion], dict]] = {
    "curves": curve_plots.plots,
}


def parts(version: ModelVersion) -> dict[str, dict]:
    """The context of each part of the page by the name of its section; none for a version without diagnostics."""
    found = Diagnostics.objects.filter(pk=version.pk).values_list("sections", flat=True).first() or {}
    return {name: part(found[name], version) for name, part in PARTS.items() if name in found}
