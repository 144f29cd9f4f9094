"""SHA-256 of files, and signatures of facts in the database."""

import hashlib
import hmac
import json
import tempfile
from typing import IO

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.crypto import salted_hmac

BLOCK = 1024 * 1024


def sha256(file: IO[bytes]) -> str:
    """The SHA-256 of a file; that of an upload is known since it was received, see UploadHandler."""
    if received := getattr(file, "received_sha256", None):
        return received
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def sign(purpose: str, facts: dict) -> str:
    """The signature of facts that JSON can hold, as 64 hex digits. It is not valid for another purpose."""
    return _signature(purpose, facts, artifact_keys()[0])


def is_signed(purpose: str, facts: dict, signature: str) -> bool:
    """Whether sign() has returned this signature, with SECRET_KEY or one of its fallbacks."""
    return any(hmac.compare_digest(_signature(purpose, facts, key), signature) for key in artifact_keys())


def is_salted_hmac(salt: str, message: str, signature: str) -> bool:
    """Whether this is Django's salted_hmac(), with SECRET_KEY or one of its fallbacks."""
    return any(
        hmac.compare_digest(
            salted_hmac(salt, message, secret=secret, algorithm="sha256").hexdigest(), signature
        )
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


def artifact_keys() -> list[str]:
    """The keys of signatures, in hex digits, the current one first. SECRET_KEY cannot be derived from them."""
    if settings.ARTIFACT_KEY:
        return [settings.ARTIFACT_KEY]
    return [
        salted_hmac("mlplatform.hashing", "key of signatures", secret=secret, algorithm="sha256").hexdigest()
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]


def _signature(purpose: str, facts: dict, key: str) -> str:
    message = json.dumps([purpose, _canonical(facts)], sort_keys=True)
    return hmac.digest(bytes.fromhex(key), message.encode(), "sha256").hex()


def _canonical(value):
    """As any database returns it: PostgreSQL stores 1e16 as an integer, and -0.0 as 0.0."""
    if isinstance(value, dict):
        return {name: _canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) >= 1e16 else value + 0.0
    return value


class UploadHandler(FileUploadHandler):
    """Writes a file that is uploaded to a temporary one, and hashes it meanwhile: its bytes are not read again.

    The temporary file is where a local storage can move it from. Elsewhere it has no name: a process that is killed
    leaves nothing.
    """

    def new_file(self, *args, **kwargs) -> None:
        super().new_file(*args, **kwargs)
        facts = (self.file_name, self.content_type, 0, self.charset, self.content_type_extra)
        if settings.FILE_UPLOAD_TEMP_DIR:
            self.file = TemporaryUploadedFile(*facts)
        else:
            self.file = UploadedFile(tempfile.TemporaryFile(), *facts)  # noqa: SIM115 - closed with the request
        self._digest = hashlib.sha256()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._digest.update(raw_data)
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        self.file.seek(0)
        self.file.size, self.file.received_sha256 = file_size, self._digest.hexdigest()
        return self.file

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()


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
