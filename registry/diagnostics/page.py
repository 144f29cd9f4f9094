"""The diagnostics of a model version, as the templates need them."""

import logging
from collections.abc import Callable

from mlplatform.errors import NotFound
from registry.diagnostics import slice_tables
from registry.diagnostics.effects import plots as effects
from registry.diagnostics.plots import clusters, curves, residuals
from registry.models import Diagnostics, ModelVersion

logger = logging.getLogger(__name__)

# Of each section what its part of the page shows.
PARTS: dict[str, Callable[[dict, ModelVersion], dict]] = {
    "curves": curves.plots,
    "residuals": residuals.plots,
    "clusters": clusters.plots,
    "slices": slice_tables.slices,
    "worst_rows": slice_tables.worst_rows,
    "importance": effects.importance,
    "dependence": effects.dependence,
}


def stored(version: ModelVersion) -> Diagnostics | None:
    return Diagnostics.objects.defer("background").filter(pk=version.pk).first()


def computed(version: ModelVersion) -> Diagnostics:
    """Raises NotFound (no_diagnostics) for a version that has none."""
    if found := stored(version):
        return found
    if version.is_imported:
        raise NotFound(
            f"Version {version.number} of `{version.dataset.name}` was imported, so it has no diagnostics.",
            code="no_diagnostics",
        )
    raise NotFound(
        f"The diagnostics of version {version.number} of `{version.dataset.name}` are not computed. Compute them with "
        "`POST` on the same address.",
        code="no_diagnostics",
    )


def parts(
    diagnostics: Diagnostics | None, version: ModelVersion, *, of_class: str | None = None
) -> dict[str, dict]:
    """The context of each part of the page by the name of its section; none for a version without diagnostics.

    A section that cannot be drawn is logged and left out: the page also promotes and deletes the version. Raises
    NotFound if curves are drawn, but not for the class that is chosen by `of_class`.
    """
    found, drawn = diagnostics.sections if diagnostics else {}, {}
    for name, part in PARTS.items():
        try:
            if name in found:
                drawn[name] = part(found[name], version)
        except Exception:
            logger.exception("drawing %s of %s failed", name, version)
    if of_class is not None and "curves" in drawn:
        drawn["curves"]["of_class"] = curves.of_class(found["curves"], of_class)
    return drawn


def of_class(version: ModelVersion, chosen: str) -> dict:
    """The curves of one of three and more classes. Raises NotFound (no_diagnostics, unknown_class)."""
    return curves.of_class(computed(version).sections.get("curves"), chosen)
