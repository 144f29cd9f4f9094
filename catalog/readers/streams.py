"""Decompress and decode a file block by block. The streams never close the file itself."""

import bz2
import codecs
import errno
import gzip
import io
import lzma
import tempfile
import threading
import zipfile
import zlib
from typing import BinaryIO

import pyarrow as pa
from django.conf import settings
from django.core.exceptions import ValidationError

BLOCK = 1 << 20
MAX_BYTES = 20 * 1024**3
# Tables compress to a tenth, those of few different values to a fiftieth.
MAX_EXPANSION, ALWAYS_ALLOWED_BYTES = 100, 64 * 1024**2


class WrongEncoding(Exception):
    """The bytes at this line are not in the encoding that was assumed."""

    def __init__(self, line):
        super().__init__(line)
        self.line = line


def unpacked_limit(file: BinaryIO, compression: str | None) -> int:
    """The bytes that a new file can have when it is decompressed."""
    limit = settings.MAX_UNPACKED_MB * 1024**2
    if compression is None:
        return limit
    size = file.seek(0, 2) or file.tell()  # some file objects return None
    return min(limit, max(size * MAX_EXPANSION, ALWAYS_ALLOWED_BYTES))


def decompressed(file: BinaryIO, compression: str | None, *, max_bytes: int = MAX_BYTES) -> io.BufferedReader:
    """A stream of the decompressed file; raises ValidationError after `max_bytes`, against gzip bombs."""
    file.seek(0)
    return io.BufferedReader(_Decompressed(file, compression, max_bytes), BLOCK)


def decoded(
    file: BinaryIO, compression: str | None, encoding: str, *, max_bytes: int = MAX_BYTES, end: str = ""
) -> io.BufferedReader:
    """A stream of the file's text as UTF-8 bytes, without a byte order mark and with `end` appended.

    Raises WrongEncoding if the bytes are not valid in this encoding, and ValidationError for a NUL.
    """
    source = decompressed(file, compression, max_bytes=max_bytes)
    return io.BufferedReader(_Decoded(source, encoding, end), BLOCK)


def seekable(file: BinaryIO, compression: str | None, *, max_bytes: int = MAX_BYTES) -> BinaryIO:
    """The decompressed file for a format that needs to seek: the file itself, or a temporary copy on disk."""
    if compression is None:
        file.seek(0)
        return file
    copy = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    source = decompressed(file, compression, max_bytes=max_bytes)
    while block := source.read(BLOCK):
        copy.write(block)
    copy.seek(0)
    return copy


class _Decompressed(io.RawIOBase):
    """Arrow reads ahead in its own thread. After close() that thread must not touch the file, because the next
    reader has already moved its position."""

    def __init__(self, file, compression, max_bytes):
        self._compression = compression
        self._source = file if compression is None else OPENERS[compression](file)
        self._left = max_bytes
        self._lock = threading.Lock()

    def readable(self):
        return True

    def readinto(self, buffer):
        with self._lock:
            if self._source is None:
                return 0
            try:
                block = self._source.read(len(buffer))
            except (*DAMAGES, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # of the disk or the object store
                raise damaged(self._compression) from error
        self._left -= len(block)
        if self._left < 0:
            raise too_large()
        buffer[: len(block)] = block
        return len(block)

    def close(self):
        with self._lock:
            self._source = None
        super().close()


class _Decoded(io.RawIOBase):
    def __init__(self, source, encoding, end):
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = b""
        self._line = 1
        self._end = end

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self._rest and self._decoder is not None:
            self._rest = memoryview(self._next().encode())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _next(self):
        block = self._source.read(BLOCK)
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise WrongEncoding(self._line + block.count(b"\n", 0, error.start)) from error
        if "\0" in text:
            raise nul_error(self._line + text.count("\n", 0, text.index("\0")))
        self._line += text.count("\n")
        if not block:
            self._decoder = None
            text += self._end
        return text

    def close(self):
        self._source.close()
        super().close()


def _open_zip(file):
    """The only table in a ZIP archive. Raises ValidationError if there are several, or a password is needed."""
    try:
        archive = zipfile.ZipFile(file)
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith(("__MACOSX/", "."))
        ]
        names = [member.filename for member in members]
        if "[Content_Types].xml" in names or "mimetype" in names:
            raise ValidationError(
                "This is an Excel workbook or another Office file, not a table. Save the sheet as CSV.",
                code="binary_file",
            )
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


class _Xz:
    """An xz file; unlike lzma.LZMAFile with a limit of memory, against files that claim a dictionary of 4 GB."""

    def __init__(self, file):
        self._file = file
        self._start_stream()

    def _start_stream(self):
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def read(self, size: int) -> bytes:
        block = b""
        while not block:
            packed = self._decompressor.unused_data
            if not packed and (self._decompressor.eof or self._decompressor.needs_input):
                packed = self._file.read(BLOCK)
            if self._decompressor.eof:
                while packed and not (packed := packed.lstrip(b"\0")):  # the padding between streams
                    packed = self._file.read(BLOCK)
                if not packed:
                    return b""
                self._start_stream()
            elif not packed and self._decompressor.needs_input:
                raise EOFError
            block = self._decompressor.decompress(packed, size)
        return block


def _open_zstd(file):
    return pa.CompressedInputStream(pa.PythonFile(_KeptOpen(file), mode="r"), "zstd")


class _KeptOpen(io.RawIOBase):
    """A file whose reader cannot close it."""

    def __init__(self, file):
        self._file = file

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(buffer)


XZ_MEMORY = 128 * 1024**2  # xz -9 needs 65 MB
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA can claim 4 GB of memory
ENCRYPTED = 0x1  # of a ZIP member's flags
OPENERS = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "bzip2": bz2.BZ2File,
    "xz": _Xz,
    "zstd": _open_zstd,
    "zip": _open_zip,
}
DAMAGES = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowInvalid, ValueError)


def damaged(compression: str | None) -> ValidationError:
    return ValidationError(
        f"The {compression} file is damaged or incomplete. Compress it again, or upload it again.",
        code="corrupt_file",
    )


def too_large() -> ValidationError:
    return ValidationError(
        f"The file decompresses to more than {settings.MAX_UNPACKED_MB:,} MB, or to more than {MAX_EXPANSION} times "
        "its size. Split it into smaller files, or send it uncompressed.",
        code="too_large",
    )


def nul_error(line: int) -> ValidationError:
    return ValidationError(
        f"Line {line:,} contains a NUL byte: the file is damaged or is not a text file. Save it again as CSV "
        "in UTF-8.",
        code="binary_file",
    )
