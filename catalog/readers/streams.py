"""Decompress and decode a file block by block. The streams never close the file itself."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import tempfile
import threading
import zipfile
import zlib
from typing import BinaryIO

import pyarrow as pa
from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.readers import archives

BLOCK = 1 << 20
MAX_BYTES = 20 * 1024**3
# Tables compress to a tenth, those of few different values to a fiftieth.
MAX_EXPANSION, ALWAYS_ALLOWED_BYTES = 100, 64 * 1024**2


class WrongEncoding(Exception):
    """The bytes at this line are not in the encoding that was assumed."""

    def __init__(self, line):
        super().__init__(line)
        self.line = line


def place_of(error: UnicodeError) -> int:
    """The position of the bytes that cannot be decoded; the beginning for UTF-16 without a byte order mark."""
    return getattr(error, "start", 0)


class End:
    """The end of a text that was read."""

    def __init__(self):
        self._blocks = ("", "")
        self._breaks = 0
        self.is_whole = True  # whether `text` is all of it

    def add(self, block: str) -> None:
        self.is_whole = self.is_whole and not self._blocks[0]
        self._blocks = (self._blocks[1], block)
        self._breaks += block.count("\n") or block.count("\r")

    @property
    def text(self) -> str:
        """The last one or two megabytes, without Ctrl-Z."""
        return "".join(self._blocks).rstrip(END_MARK)

    @property
    def lines(self) -> int:
        """The number of lines of the whole text."""
        return self._breaks + (not self.text.endswith(("\n", "\r")))

    @property
    def has_mark(self) -> bool:
        """Whether Ctrl-Z ends it."""
        return self._blocks[1].endswith(END_MARK)


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
    file: BinaryIO,
    compression: str | None,
    encoding: str,
    *,
    max_bytes: int = MAX_BYTES,
    footer: int = 0,
    extra: str = "",
    end: End | None = None,
) -> io.BufferedReader:
    """A stream of the file's text as UTF-8 bytes, without a byte order mark and the Ctrl-Z that DOS puts at the end.

    The last `footer` lines are left out, and `extra` is appended. `end` gets the end of the text once it is read.
    Raises WrongEncoding if the bytes are not valid in this encoding, and ValidationError for a NUL.
    """
    source = decompressed(file, compression, max_bytes=max_bytes)
    return io.BufferedReader(_Decoded(source, encoding, footer, extra, end or End()), BLOCK)


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
                raise archives.damaged(self._compression) from error
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
    def __init__(self, source, encoding, footer, extra, end):
        self._source = source
        self._footer = footer
        self._held = ""  # the text whose lines can be the last ones
        self._extra = extra
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
        except UnicodeError as error:
            raise WrongEncoding(self._line + block.count(b"\n", 0, place_of(error))) from error
        if "\0" in text:
            raise nul_error(self._line + text.count("\n", 0, text.index("\0")))
        self._line += text.count("\n")
        if text:
            self._end.add(text)
        if self._held or self._footer or text.endswith(END_MARK):
            text = self._without_end(text, is_last=not block)
        if not block:
            self._decoder = None
            text += self._extra
        return text

    def _without_end(self, text, *, is_last):
        """The text up to what can be the footer or the end mark, which is held back until more follows."""
        text = self._held + text
        body = text.rstrip(END_MARK)
        if self._footer:
            body = body[: _start_of_last_lines(body, self._footer)]
        self._held = "" if is_last else text[len(body) :]
        return body

    def close(self):
        self._source.close()
        super().close()


def _start_of_last_lines(text, count):
    """Where the last lines of a text start. A line break at its very end ends the last line."""
    for size in (TAIL, len(text)):
        first = max(len(text) - size, 0)
        ends = (line.end() for line in LINE_BREAK.finditer(text, first))
        starts = [end for end in ends if end < len(text)]
        if count <= len(starts):
            return starts[-count]
    return 0


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


TAIL = 64 * 1024
END_MARK = "\x1a"  # Ctrl-Z
LINE_BREAK = re.compile("\r\n|\r|\n")
XZ_MEMORY = 128 * 1024**2  # xz -9 needs 65 MB
OPENERS = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "bzip2": bz2.BZ2File,
    "xz": _Xz,
    "zstd": _open_zstd,
    "zip": archives.open_table,
}
DAMAGES = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowInvalid, ValueError)


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
