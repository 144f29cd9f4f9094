"""Detect what an uploaded file is from its first bytes: compression, text encoding, and common non-tables."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, Protocol

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.readers import archives, encodings, formats, streams
from catalog.readers.corrections import UNCORRECTED, Corrections
from catalog.readers.recipe import Finding, ParseRecipe

HEAD_BYTES = 4 * 1024 * 1024  # the header row must fit
MAX_QUOTED_BREAKS = 1000
CONTROL_BYTES = 64 * 1024  # the part that is checked for control characters

# Frequent mistakes: the first bytes, what the file is, and the remedy.
SIGNATURES = (
    (b"\x89PNG\r\n", "a PNG image", "Use a table instead"),
    (b"\xff\xd8\xff", "a JPEG image", "Use a table instead"),
    (b"GIF8", "a GIF image", "Use a table instead"),
    (b"%PDF", "a PDF document", "Export its table as CSV"),
    (b"7z\xbc\xaf", "a 7z archive", "Extract the table first"),
    (b"Rar!", "a RAR archive", "Extract the table first"),
    (b"FEA1", "a Feather file of version 1", "Save it as Parquet or CSV"),
    (b"\x89HDF", "an HDF5 file", "Save it as Parquet or CSV"),
    (b"\x93NUMPY", "a NumPy file", "Save it as Parquet or CSV"),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV"),
)
MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"(\xb5/\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
)
MARKUP = re.compile(
    rb"\s*<(?:!doctype|html|\?xml|(?:head|body|div|table|style|meta)\b[^<>]*>)", re.IGNORECASE
)
CONTROLS = bytes(set(range(32)) - set(b"\x01\t\n\r\f\x1a\x1b\x1f"))  # \x01 and \x1f separate cells


class Observer(Protocol):
    """Gets the cells of delimited text while its types are inferred, which can take several passes over the file."""

    def start(self, recipe: ParseRecipe, *, missing: Sequence[str]) -> None:
        """A pass begins, with a recipe without columns; the parser has found these texts for missing values."""

    def update(self, cells: pa.RecordBatch, parsed: Sequence[pa.Array | None]) -> None:
        """The next rows, as texts, and the columns of which all are numbers or dates as Arrow writes them, as these."""


@dataclass(frozen=True)
class Head:
    """The decompressed beginning of a file; its name is only a hint. The corrections are what its user has set."""

    filename: str
    compression: str | None
    content: bytes
    corrections: Corrections = UNCORRECTED
    observer: Observer | None = None

    @property
    def is_whole_file(self) -> bool:
        return len(self.content) < HEAD_BYTES

    @property
    def is_binary(self) -> bool:
        return b"\0" in self.content[:CONTROL_BYTES] and not encodings.is_utf16(self.content)

    @property
    def extension(self) -> str:
        """The extension in lower case, without that of the compression."""
        return formats.extension_of(self.filename)

    @cached_property
    def encodings(self) -> tuple[str, ...]:
        """Possible encodings of the text, the most likely first; only the one that is set."""
        if encoding := self.corrections.encoding:
            return (encodings.as_marked(encoding, self.content),)
        return encodings.candidates(self.content)

    @cached_property
    def text(self) -> str:
        """The beginning as text. Raises ValidationError if the file is empty or is not text."""
        _check_is_text(self.content, self.extension)
        encoding = self.encodings[0]
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(self.content, final=self.is_whole_file)
        except UnicodeError as error:
            place = streams.place_of(error)
            raise self.encoding_error(encoding, 1 + self.content.count(b"\n", 0, place)) from error
        if not text.strip():
            raise ValidationError(
                "The file is empty. It needs a header row and at least one row.", code="empty_file"
            )
        if "\0" in text:
            raise streams.nul_error(1 + text.count("\n", 0, text.index("\0")))
        return text

    def encoding_findings(self, encoding: str) -> list[Finding]:
        """That the encoding is a guess, and where letters were lost before the file was sent."""
        found = []
        if not self.corrections.encoding and encodings.is_guess(encoding):
            name = encodings.label(encoding)
            found.append(
                Finding("guessed_encoding", f"The encoding is assumed to be {name}: no file says which.")
            )
        if not self.text.isascii() and (match := encodings.DAMAGE.search(self.text)):
            line = 1 + self.text.count("\n", 0, match.start())
            found.append(
                Finding(
                    "damaged_text",
                    f"Line {line:,} has `{match[0]}`: letters were lost or replaced when the file was saved in another "
                    "encoding. Export it again from its source.",
                    line=line,
                )
            )
        return found

    def encoding_error(self, encoding: str, line: int) -> ValidationError:
        """The error for a line that is not valid in this encoding; about the field if it is set."""
        fault = f"Line {line:,} is not valid {encodings.label(encoding)} text."
        if self.corrections.encoding:
            error = ValidationError(f"{fault} Set another encoding, or none to detect it.", code="encoding")
            return ValidationError({"encoding": error})
        return ValidationError(f"{fault} Save the file again as UTF-8.", code="encoding")


def read_head(
    file: BinaryIO,
    filename: str,
    *,
    max_bytes: int = streams.MAX_BYTES,
    corrections: Corrections = UNCORRECTED,
) -> Head:
    """The beginning of a file, at most 4 MB when decompressed. Raises ValidationError by field for a wrong `member`."""
    file.seek(0)
    compression = compression_of(file.read(8))
    if compression == "zip" and archives.is_office_file(file):
        compression = None
    if member := corrections.member:
        if compression != "zip":
            error = ValidationError("Only a ZIP archive has files to choose from.", code="not_an_archive")
            raise ValidationError({"member": error})
        file, filename = archives.chosen(file, member), member
    content = streams.decompressed(file, compression, max_bytes=max_bytes).read(HEAD_BYTES)
    return Head(filename, compression, content, corrections)


def whole_records(content: bytes) -> bytes:
    """The content up to the last line break that is not in quotes."""
    wide = encodings.is_utf16(content)
    mark, step = (b"\n\0" if content.startswith(b"\xff\xfe") else b"\0\n", 2) if wide else (b"\n", 1)
    end, quotes = len(content), content.count(b'"')
    for _ in range(MAX_QUOTED_BREAKS):
        place = content.rfind(mark, 0, end)
        if place < 0:
            break
        quotes -= content.count(b'"', place, end)
        end = place
        if quotes % 2 == 0 and place % step == 0:
            return content[: place + step]
    last = content.rfind(mark)
    return content if last < 0 else content[: last + step]


def compression_of(start: bytes) -> str | None:
    """The compression of a file that starts with these bytes."""
    return next((name for magic, name in MAGIC if start.startswith(magic)), None)


def _check_is_text(content, extension):
    if match := _non_table(content):
        raise ValidationError("This is {}, not a table. {}.".format(*match), code="binary_file")
    head = content[:CONTROL_BYTES]
    controls = len(head) - len(head.translate(None, CONTROLS + b"\0"))
    is_parquet = extension == "parquet"
    if controls and not encodings.is_utf16(content) and (controls > max(8, len(head) / 100) or is_parquet):
        raise ValidationError(
            "The file is binary data in an unsupported format. Save the table as CSV or Parquet.",
            code="corrupt_file" if is_parquet else "binary_file",
        )


def _non_table(content):
    """What the file is and what to do instead, or None."""
    if inner := compression_of(content[:8]):
        return f"a {inner} file inside a compressed file", "Compress it only once"
    if MARKUP.match(content):
        return "a web page or an XML file", "Export its table as CSV"
    if content[257:262] == b"ustar":
        return "a TAR archive", "Extract the table first"
    return next((rest for start, *rest in SIGNATURES if content.startswith(start)), None)
