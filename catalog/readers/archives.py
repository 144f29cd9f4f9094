"""The table in a ZIP archive."""

import errno
import re
import zipfile
from typing import BinaryIO

from django.core.exceptions import ValidationError

ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA can claim 4 GB of memory
OFFICE_FILES = (b"[Content_Types].xml", b"mimetype")  # one of them is in each
BESIDE_A_TABLE = re.compile(
    r"(?:^|/)(?:read[-_]?me|licen[cs]e|copying|notice|changelog|\._)[^/]*$|\.(?:md|pdf|html?|docx?|rtf|png|jpe?g)$",
    re.I,
)
ENCRYPTED = 0x1  # of a ZIP member's flags


def open_table(file: BinaryIO) -> BinaryIO:
    """The only table in a ZIP archive. Raises ValidationError if there are several, or a password is needed."""
    try:
        archive = zipfile.ZipFile(file)
        members = _members(archive)
        members = [member for member in members if not BESIDE_A_TABLE.search(member.filename)] or members
        names = [member.filename for member in members]
        if len(members) != 1:
            listed = ", ".join(f"`{name[:100]}`" for name in names[:5]) + (", ..." if len(names) > 5 else "")
            raise ValidationError(
                f"The ZIP archive contains {len(names)} files{': ' if names else ''}{listed}. Send one table, "
                "uncompressed or in an archive of its own.",
                code="several_files",
            )
        if members[0].flag_bits & ENCRYPTED:
            raise ValidationError(
                "The ZIP archive needs a password. Send the table without one.", code="encrypted_file"
            )
        if members[0].compress_type not in ZIP_METHODS:
            raise ValidationError(
                "The ZIP archive is compressed with an unsupported method. Compress it again with Deflate.",
                code="binary_file",
            )
        return archive.open(members[0])
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise damaged("zip") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # the archive points to before the start of the file
            raise damaged("zip") from error
        raise


def left_out(file: BinaryIO) -> list[str]:
    """The files in a ZIP archive beside its only table, such as a licence."""
    names = [member.filename for member in _members(zipfile.ZipFile(file))]
    return [name for name in names if BESIDE_A_TABLE.search(name)] if len(names) > 1 else []


def _members(archive):
    return [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith(("__MACOSX/", "."))
    ]


def is_office_file(file: BinaryIO) -> bool:
    """Whether a ZIP archive is a workbook or another file of an office program."""
    try:
        names = set(zipfile.ZipFile(file).namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return False
    return any(mark.decode() in names for mark in OFFICE_FILES)


def damaged(compression: str | None) -> ValidationError:
    return ValidationError(
        f"The {compression} file is damaged or incomplete. Compress it again, or upload it again.",
        code="corrupt_file",
    )
