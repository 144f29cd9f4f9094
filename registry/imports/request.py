"""What is imported, as the process that does it gets it."""

from dataclasses import dataclass

from catalog.models import DatasetVersion


@dataclass(frozen=True)
class Request:
    """What is imported, from the file at `path` to an artifact at `artifact_path`.

    `declared` is a signature; without it, `source` is read.
    """

    path: str
    artifact_path: str
    format: str
    source: DatasetVersion
    target: str = ""
    features: list[str] | None = None
    classes: list[str] | None = None
    declared: dict | None = None
    max_unpacked_mb: int = 0
