"""Checks of a fitted pipeline before it is registered and of an artifact before it is released.

The app that serves models provides them, named in settings, so training and promotion do not depend on it. The names
are imported on first use: they import pandas, which a process that only waits for work does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.module_loading import import_string

from registry.models import ModelVersion

if TYPE_CHECKING:
    from registry.training.pipelines import FitResult


def verify_fit(result: FitResult) -> dict | None:
    """Verify a fitted pipeline. Returns what save() needs, as JSON."""
    return import_string(settings.VERIFY_FIT)(result)


def save(verified: dict | None, version: ModelVersion) -> None:
    """Save the result of verify_fit(), inside the transaction of the registration."""
    import_string(settings.SAVE_VERIFICATION)(verified, version)


def verify_artifact(version: ModelVersion, key: str) -> None:
    """Load a version's stored artifact and verify it. Raises ArtifactRefused."""
    import_string(settings.VERIFY_ARTIFACT)(version, key)
