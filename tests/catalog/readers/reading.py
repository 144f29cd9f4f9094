"""Short ways to read a table, for the tests of all formats."""

import datetime
import io
import zipfile

import pyarrow.feather
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


def feather(arrow_table, **options):
    file = io.BytesIO()
    pyarrow.feather.write_feather(arrow_table, file, **options)
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def xlsx(**sheets: list[list]) -> bytes:
    """A workbook with these rows of texts, numbers, truth values and None."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    listed = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(sheets, 1))
    targets = "".join(
        f'<Relationship Id="r{i}" Type="{relation}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(sheets) + 1)
    )
    members = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r" Type="{relation}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{relation}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">{targets}</Relationships>',
        "xl/styles.xml": f'<styleSheet {main}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    for i, rows in enumerate(sheets.values(), 1):
        data = "".join(
            f'<row r="{number}">'
            + "".join(_cell(f"{chr(65 + j)}{number}", value) for j, value in enumerate(row))
            + "</row>"
            for number, row in enumerate(rows, 1)
        )
        members[f"xl/worksheets/sheet{i}.xml"] = (
            f"<worksheet {main}><sheetData>{data}</sheetData></worksheet>"
        )
    return zipped({name: text.encode() for name, text in members.items()})


def _cell(place, value):
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, datetime.date):
        return f'<c r="{place}" s="1"><v>{(value - datetime.date(1899, 12, 30)).days}</v></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def _file(content):
    return io.BytesIO(content if isinstance(content, bytes) else content.encode())
