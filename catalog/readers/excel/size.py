"""The memory that a workbook needs, known before it is loaded: a few kilobytes can claim billions of cells."""

import io
import re
import zipfile
from collections.abc import Iterator

from django.core.exceptions import ValidationError

from catalog.readers import archives

MAX_FILE = 256 * 1024**2
MAX_BYTES = 1024**3  # of XML
MAX_CELLS = 10_000_000  # with the empty ones between others: 240 MB
BLOCK = 1024**2
TAG = 16 * 1024  # the longest one that is looked for
REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["']""")
TABLE_TAG = re.compile(rb"<(?:\w+:)?(table|table-row|table-cell|covered-table-cell)((?:\s[^<>]*)?)>")
REPEATED = re.compile(rb"""number-(?:rows|columns)-repeated\s*=\s*["']([0-9]{1,9})["']""")


def check(content: bytes, max_bytes: int) -> None:
    """Raise ValidationError if a workbook is too large to be loaded, or is not complete."""
    if len(content) > MAX_FILE:
        raise too_large()
    if not content.startswith(b"PK"):  # an old workbook has at most 65,536 rows of 256 columns
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if sum(member.file_size for member in members) > min(max_bytes, MAX_BYTES):
                raise too_large()
            if any(member.filename.endswith("workbook.bin") for member in members):
                raise ValidationError(
                    "Binary workbooks (.xlsb) are not supported. Save the workbook as .xlsx.",
                    code="binary_file",
                )
            for member in members:
                with archive.open(member) as stream:
                    count = _repeated_cells if member.filename == "content.xml" else _referenced_cells
                    count(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise archives.damaged("Excel") from error


def too_large() -> ValidationError:
    return ValidationError(
        f"The workbook is too large to be read: a sheet can have {MAX_CELLS:,} cells, with the empty ones between "
        "others. Save the sheet as CSV.",
        code="too_large",
    )


def _referenced_cells(stream) -> None:
    """Of a sheet of Excel, whose cells say where they are."""
    columns, rows = [], []
    for text in _windows(stream):
        for column, row in set(REFERENCE.findall(text)):
            columns.append(_number(column))
            rows.append(int(row))
        if columns:
            columns, rows = [min(columns), max(columns)], [min(rows), max(rows)]
            if (columns[1] - columns[0] + 1) * (rows[1] - rows[0] + 1) > MAX_CELLS:
                raise too_large()


def _repeated_cells(stream) -> None:
    """Of an OpenDocument sheet, whose rows and cells can be repeated. Those without a value at the end do not count."""
    row = column = width = repeated = 0
    for text in _windows(stream):
        for tag, attributes in TABLE_TAG.findall(text):
            times = REPEATED.search(attributes)
            times = int(times[1]) if times else 1
            if tag == b"table":
                row = column = width = repeated = 0
            elif tag == b"table-row":
                row, column, repeated = row + repeated, 0, times
            else:
                column += times
                if b"value" in attributes:
                    width = max(width, column)
                    if width * (row + repeated) > MAX_CELLS:
                        raise too_large()


def _windows(stream) -> Iterator[bytes]:
    """The text in blocks that end at the end of a tag."""
    rest = b""
    while block := stream.read(BLOCK):
        text = rest + block
        end = text.rfind(b">") + 1 or len(text)
        rest = text[end:] if len(text) - end < TAG else b""
        yield text[:end]
    yield rest


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
