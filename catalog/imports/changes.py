"""What a file that is not in the catalog changes as the next version of a dataset: columns, distributions, models."""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from catalog.exploration import comparison
from catalog.exploration.comparison import Side
from catalog.exploration.copies import StoredCopy
from catalog.imports import receipts
from catalog.models import DatasetVersion, Draft
from catalog.readers import detection
from catalog.readers.corrections import Corrections
from catalog.readers.recipe import ParseRecipe
from mlplatform import storage


def of_draft(draft: Draft, before: DatasetVersion) -> dict:
    """The comparison of a version with a draft as its receipt has read it: comparison.compare() says what it has.

    The first 4 MB of a large text file are compared, and the first 200,000 rows of any other; `rows` of a distribution
    are the numbers of values. Raises NotReady, as comparison.compare() does.
    """
    return _compared(before, draft.receipt, draft.filename, "run", key=draft.key)


def of_file(file: IO[bytes], receipt: dict, before: DatasetVersion, *, filename: str) -> dict:
    """The same for an uploaded file that is not stored, and its receipt."""
    with receipts.local_path(file) as path:
        return _compared(before, receipt, filename, "run_local", local_path=path)


def _compared(before, receipt, filename, function, **source) -> dict:
    found = comparison.in_child(
        f"{__name__}.{function}",
        filename,
        old=StoredCopy.of(before),
        side=Side.of(before),
        recipe=receipt["recipe"],
        is_beginning=receipt["is_estimate"],
        **source,
    )
    models = comparison.models_that_do_not_fit(before, receipt["columns"])
    rows = found["rows"] | {"to": receipt["rows"]}
    return found | {"rows": rows, "is_estimate": receipt["is_estimate"], "models": models}


def run(*, key: str, **comparing) -> Iterator[dict]:
    """What the child process runs for a stored file."""

    def answer():
        with storage.open_file(storage.datasets(), key) as file:
            return _with_part(file, **comparing)

    yield from comparison.limited(answer)


def run_local(*, local_path: str, **comparing) -> Iterator[dict]:
    """What the child process runs for a file on this machine."""

    def answer():
        with open(local_path, "rb") as file:
            return _with_part(file, **comparing)

    yield from comparison.limited(answer)


def _with_part(file, *, old, side, recipe, is_beginning) -> dict:
    recipe = ParseRecipe.from_dict(recipe)
    if is_beginning:
        head = detection.read_head(file, "", corrections=Corrections(member=recipe.member))
        file = io.BytesIO(detection.whole_records(head.content))
        recipe = replace(recipe, compression=None, member=None)
    return comparison.with_file(old, side, file, recipe)
