"""What is proved of a fitted pipeline before it is registered, and again of its copies.

The proofs belong to the app above, which serves what was proved; it puts them in here when it starts. So
training and promotion hold to them without knowing what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from registry.models import ModelVersion

if TYPE_CHECKING:  # it imports pandas, which a process that waits for work does not need
    from registry.training.pipelines import FitResult

# Each looks at a fit and returns what writes its findings, inside the transaction that registers the version.
PROVERS: list[Callable[[FitResult], Callable[[ModelVersion], None]]] = []
# Each looks at a stored artifact (a version and a key) and raises ArtifactRefused when it does not hold.
REHEARSALS: list[Callable[[ModelVersion, str], None]] = []


def prove(result: FitResult) -> list[Callable[[ModelVersion], None]]:
    return [prover(result) for prover in PROVERS]


def rehearse(version: ModelVersion, key: str) -> None:
    for rehearsal in REHEARSALS:
        rehearsal(version, key)
