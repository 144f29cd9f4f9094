"""The diagnostics of a fitted pipeline, computed in the training process. No Django models or settings."""

import logging
import math
import time
from collections.abc import Callable

from registry.diagnostics import clusters, curves, residuals, slices, worst_rows
from registry.diagnostics.effects import background, dependence, importance
from registry.diagnostics.held_out import HeldOut
from registry.evaluation.metrics import json_safe

# Of the fit's time, but no less than MIN_S: people wait for it.
MAX_SHARE, MIN_S = 0.15, 10
LEAST_S = 1  # whatever the time is

logger = logging.getLogger(__name__)

# Each by its name in the stored JSON, in the order of computation: the cheap ones first. A section returns None if it
# does not apply to the model.
SECTIONS: dict[str, Callable[[HeldOut], dict | None]] = {
    "background": background.measure,
    "curves": curves.measure,
    "clusters": clusters.measure,
    "worst_rows": worst_rows.section,
    "slices": slices.section,
    "importance": importance.measure,
    "residuals": residuals.measure,  # by the most important columns
    "dependence": dependence.measure,
}


def limit_s(fit_s: float, *, until: float = math.inf) -> float:
    """The seconds that the diagnostics of a fit that took `fit_s` may take, until an instant of time.monotonic()."""
    return max(min(max(MAX_SHARE * fit_s, MIN_S), until - time.monotonic()), LEAST_S)


def build(held_out: HeldOut) -> dict[str, dict]:
    """The sections by name, JSON-safe. One that fails is logged and left out: a model is worth more than a picture."""
    sections = held_out.sections
    for name, section in SECTIONS.items():
        if held_out.seconds_left <= 0:
            logger.info("the diagnostics ended before %s: their time is over", name)
            break
        started = time.monotonic()
        try:
            found = section(held_out)
        except Exception:
            logger.exception("the diagnostics failed at %s", name)
            continue
        logger.info("diagnostics: %s took %.2f s", name, time.monotonic() - started)
        if found is not None:
            sections[name] = json_safe(found)
    return sections
