"""Short ways to read a table, for the tests of all formats."""

import io
import zipfile

import pyarrow.parquet
import pytest
from django.core.exceptions import ValidationError

from catalog.readers import tables


def recipe_of(content, filename="table.csv"):
    return tables.detect(_file(content), filename).recipe


def table(content, filename="table.csv", **options):
    """The typed frame of a file, read by the recipe that was detected for it."""
    return tables.read(_file(content), recipe_of(content, filename), **options)


def types(content, filename="table.csv"):
    return {column.name: column.type for column in recipe_of(content, filename).columns}


def findings(content, filename="table.csv"):
    """What was assumed; not that a file is one column, as those of many tests are."""
    found = tables.detect(_file(content), filename).findings
    return tuple(finding for finding in found if finding.code != "one_column")


def assumptions(content, filename="table.csv", **options):
    """The sentences of what was assumed, by code."""
    found = tables.detect(_file(content), filename, **options).findings
    return {finding.code: finding.sentence for finding in found}


def error_of(content, filename="table.csv", **options):
    """The code and the sentence of the error for a file that cannot be read, which stays open."""
    file = _file(content)
    with pytest.raises(ValidationError) as caught:
        tables.detect(file, filename, **options)
    assert not file.closed
    return caught.value.code, caught.value.messages[0]


def parquet(arrow_table, **options):
    file = io.BytesIO()
    pyarrow.parquet.write_table(arrow_table, file, **options)
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _file(content):
    return io.BytesIO(content if isinstance(content, bytes) else content.encode())
