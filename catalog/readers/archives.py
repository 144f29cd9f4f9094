"""The table in a ZIP archive."""

import errno
import re
import zipfile
from pathlib import PurePosixPath
from typing import BinaryIO

from django.core.exceptions import ValidationError

ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA can claim 4 GB of memory
OFFICE_FILES = (b"[Content_Types].xml", b"mimetype")  # one of them is in each
BESIDE_A_TABLE = re.compile(
    r"(?:^|/)(?:read[-_]?me|licen[cs]e|copying|notice|changelog|\._)[^/]*$|\.(?:md|pdf|html?|docx?|rtf|png|jpe?g)$",
    re.I,
)
NAMED, MAX_NAMES = 20, 1_000
MAX_NAME = 200  # characters of a text in a recipe
ENCRYPTED = 0x1  # of a ZIP member's flags


class Chosen:
    """A ZIP archive of which one file is read."""

    def __init__(self, file: BinaryIO, member: str):
        self._file, self.member = file, member

    def __getattr__(self, name):
        return getattr(self._file, name)


def chosen(file: BinaryIO, member: str | None) -> BinaryIO:
    """The file; of an archive of several tables, with the one that is read."""
    return Chosen(file, member) if member else file


def open_table(file: BinaryIO) -> BinaryIO:
    """The table in a ZIP archive: the chosen file, or the only one.

    Raises ValidationError if there are several, or a password is needed, and by field for a file that is not in it.
    """
    try:
        archive = zipfile.ZipFile(file)
        member = _table(archive, getattr(file, "member", None))
        if member.flag_bits & ENCRYPTED:
            raise ValidationError(
                "The ZIP archive needs a password. Send the table without one.", code="encrypted_file"
            )
        if member.compress_type not in ZIP_METHODS:
            raise ValidationError(
                "The ZIP archive is compressed with an unsupported method. Compress it again with Deflate.",
                code="binary_file",
            )
        return archive.open(member)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise damaged("zip") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # the archive points to before the start of the file
            raise damaged("zip") from error
        raise


def table_size(file: BinaryIO) -> int:
    """The bytes of the table in a ZIP archive when it is unpacked."""
    return max(_table(zipfile.ZipFile(file), getattr(file, "member", None)).file_size, 1)


def _table(archive, name):
    members = _members(archive)
    if name is not None:
        if found := [member for member in members if member.filename == name]:
            return found[0]
        sentence = f"The ZIP archive has no file `{name[:100]}`. It has {_listed(members)}."
        raise ValidationError({"member": ValidationError(sentence, code="unknown_member")})
    tables = _tables(members)
    if len(tables) == 1:
        return tables[0]
    if not tables:
        raise ValidationError("The ZIP archive is empty.", code="empty_file")
    raise ValidationError(
        f"The ZIP archive has {len(tables):,} files: {_listed(tables)}. Choose one (`member` of the recipe), or send "
        "one table.",
        code="several_files",
    )


def _listed(members):
    names = [f"`{member.filename[:100]}`" for member in members[:NAMED]]
    return ", ".join(names) + (f" and {len(members) - NAMED:,} more" if len(members) > NAMED else "")


def names(file: BinaryIO) -> list[str]:
    """The tables in a ZIP archive that has several, of which one can be chosen; at most 1,000."""
    try:
        tables = _tables(_members(zipfile.ZipFile(file)))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return []
    found = [member.filename for member in tables if len(member.filename) <= MAX_NAME]
    return found[:MAX_NAMES] if len(tables) > 1 else []


def _tables(members):
    return [member for member in members if not BESIDE_A_TABLE.search(member.filename)] or members


def left_out(file: BinaryIO) -> list[str]:
    """The files in a ZIP archive beside its only table, such as a licence."""
    names = [member.filename for member in _members(zipfile.ZipFile(file))]
    return [name for name in names if BESIDE_A_TABLE.search(name)] if len(names) > 1 else []


def _members(archive):
    """The files, without hidden ones; of two with one name the last, as unzip does."""
    members = {member.filename: member for member in archive.infolist() if not member.is_dir()}
    return [
        member
        for name, member in members.items()
        if not name.startswith("__MACOSX/") and not PurePosixPath(name).name.startswith(".")
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
