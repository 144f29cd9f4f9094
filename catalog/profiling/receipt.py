"""The receipt of a file: what was understood of it, for its user to check before it is added to the catalog."""

import json
from dataclasses import dataclass
from typing import IO

from django.core.exceptions import ValidationError

from catalog.profiling import raw_text
from catalog.profiling.ingest import PREVIEW_ROWS
from catalog.readers import archives, detection, tables
from catalog.readers.corrections import UNCORRECTED, Corrections
from catalog.readers.formats import FORMATS


@dataclass(frozen=True)
class Receipt:
    """How a file is read: its recipe, the assumptions, and its first 20 rows.

    `preview` has them as lists of JSON values, as they are read, and `cells` the texts that these are read from.
    `lines` has [number, text] of the first lines as they are written, none of a binary format. `members` are the tables
    of an archive that has several.
    """

    recipe: tables.ParseRecipe
    rows: int
    findings: tuple[tables.Finding, ...]
    preview: list[list]
    cells: list[list[str | None]]
    lines: list[list]
    members: list[str]

    def to_dict(self) -> dict:
        recipe = self.recipe.to_dict()
        return {
            "recipe": recipe,
            "findings": [finding.to_dict() for finding in self.findings],
            "columns": recipe["columns"],
            "preview": {"rows": self.preview, "cells": self.cells, "lines": self.lines},
            "rows": self.rows,
            "members": self.members,
        }


def inspect(file: IO[bytes], filename: str, corrections: Corrections = UNCORRECTED) -> Receipt:
    """Detect how a file is read, around what the corrections set. Stores nothing; leaves the file open.

    Raises ValidationError for any fault in the file, by field for a correction that does not fit it.
    """
    reading = tables.detect(file, filename, corrections=corrections)
    recipe = reading.recipe
    frame = tables.read(file, recipe, limit=PREVIEW_ROWS)
    rows = json.loads(frame.to_json(orient="values", date_format="iso", date_unit="s"))
    lines = []
    if FORMATS[recipe.format].is_text:
        lines = raw_text.lines(
            file, filename, corrections=corrections, encoding=recipe.encoding, skip=recipe.skip or 0
        )
    cells = raw_text.cells(file, recipe, rows=len(rows))
    members = archives.names(file) if recipe.compression == "zip" else []
    return Receipt(recipe, reading.rows, reading.findings, rows, cells, lines, members)


def beginning(file: IO[bytes], filename: str, corrections: Corrections = UNCORRECTED) -> dict:
    """What can be shown of a file that cannot be read: its first `lines`, and the `members` of an archive."""
    file.seek(0)
    members = archives.names(file) if detection.compression_of(file.read(8)) == "zip" else []
    try:
        lines = raw_text.lines(file, filename, corrections=corrections, encoding=corrections.encoding)
    except ValidationError:
        lines = []
    return {"lines": lines, "members": members}
