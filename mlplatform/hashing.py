"""SHA-256 of files."""

import hashlib
from typing import IO

BLOCK = 1024 * 1024


def sha256(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


class HashingFile:
    """A file that is hashed while it is read, to save a pass over it.

    Bytes are hashed in the order of the file, independently of the order of the reads: `sha256` reads what was
    skipped.
    """

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._digest = hashlib.sha256()
        self._hashed = 0  # bytes, from the start of the file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        block = self._file.read(size)
        overlap = self._hashed - start
        if 0 <= overlap < len(block):
            self._digest.update(memoryview(block)[overlap:])
            self._hashed = start + len(block)
        return block

    def sha256(self) -> str:
        self._file.seek(self._hashed)
        while self.read(BLOCK):
            pass
        return self._digest.hexdigest()
