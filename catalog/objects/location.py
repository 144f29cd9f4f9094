"""Where files lie that are registered by reference: `s3://bucket/sales/*.parquet`, or `file:///srv/sales/*.csv`.

A `*` in the last part stands for any characters; nothing else is special, and nothing is decoded or resolved.
"""

import re
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django.conf import settings
from django.core.exceptions import ValidationError

MAX_LENGTH = 500
SCHEMES = {"s3": "s3", "file": "local"}  # and the OBJECT_STORAGE of each
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
EXAMPLE = "`s3://bucket/folder/*.parquet`"


@dataclass(frozen=True)
class Location:
    """A place of one or more files; `pattern` is the key in a bucket, or with the scheme `file` an absolute path."""

    scheme: str
    bucket: str
    pattern: str

    @classmethod
    def parse(cls, uri: str) -> "Location":
        """Raises ValidationError for the field `uri`."""
        scheme, separator, rest = uri.partition("://")
        if not separator or scheme not in SCHEMES:
            raise invalid(f"Enter an address such as {EXAMPLE}.")
        _check_characters(uri)
        bucket, _, pattern = rest.partition("/")
        if scheme == "s3" and not BUCKET.fullmatch(bucket):
            raise invalid(
                f"`{bucket[:100]}` is not the name of a bucket. Enter an address such as {EXAMPLE}."
            )
        if scheme == "file" and bucket:
            raise invalid("A path starts with three slashes, as in `file:///srv/sales/*.parquet`.")
        parts = pattern.split("/")
        if not parts[-1]:
            raise invalid(f"Name files, not a folder, as in {EXAMPLE}.")
        if not all(parts) or {".", ".."} & set(parts):
            raise invalid("Write the path without `.`, `..` and empty parts.")
        if "*" in "".join(parts[:-1]) or "**" in parts[-1]:
            raise invalid(
                "`*` can stand in the last part of the path only, and not twice in a row, as in `sales/2026-*.parquet`."
            )
        return cls(scheme, bucket, pattern if scheme == "s3" else f"/{pattern}")

    def __str__(self):
        return self.uri_of(self.pattern)

    def uri_of(self, key: str) -> str:
        return f"{self.scheme}://{self.bucket}/{key.removeprefix('/') if self.scheme == 'file' else key}"

    @property
    def name(self) -> str:
        """The last part, such as `*.parquet`."""
        return self.pattern.rpartition("/")[2]

    @property
    def beginning(self) -> str:
        """What the keys of all its files start with."""
        return self.pattern.partition("*")[0]

    def matches(self, key: str) -> bool:
        """Whether a key is one of its files. Names that start with `_` or `.` are not data, as Spark has it."""
        folder, _, name = key.rpartition("/")
        if not name or folder != self.pattern.rpartition("/")[0]:
            return False
        is_hidden = "*" in self.name and name[0] in "_."
        return not is_hidden and fnmatchcase(name, self.name)  # in linear time, however many `*` there are

    def check_allowed(self) -> None:
        """Raise ValidationError for the field `uri` unless an operator has allowed to register what is here."""
        prefixes = settings.REGISTER_PREFIXES
        if not prefixes:
            raise invalid(
                "Nothing can be registered by reference here. Ask an operator to allow a prefix (REGISTER_PREFIXES), "
                "or upload the file.",
                code="register_off",
            )
        if SCHEMES[self.scheme] != settings.OBJECT_STORAGE:
            usable = next(name for name, kind in SCHEMES.items() if kind == settings.OBJECT_STORAGE)
            raise invalid(
                f"This platform reads addresses that start with `{usable}://`, where it stores its own files."
            )
        if self.bucket and self.bucket in {settings.DATASETS_BUCKET, settings.TRAINED_MODELS_BUCKET}:
            raise invalid(
                f"`{self.bucket}` is a bucket of the platform, which deletes what it does not know in there. Put your "
                "files into another one."
            )
        if not any(str(self).startswith(prefix) for prefix in prefixes):
            allowed = ", ".join(f"`{prefix}`" for prefix in prefixes)
            raise invalid(f"`{self}` is not below what can be registered: {allowed}.", code="not_allowed")


def invalid(sentence: str, *, code: str = "invalid") -> ValidationError:
    return ValidationError({"uri": ValidationError(sentence, code=code)})


def _check_characters(uri: str) -> None:
    if len(uri) > MAX_LENGTH:
        raise invalid(f"The address has {len(uri):,} characters; the limit is {MAX_LENGTH}.")
    if any(unicodedata.category(character)[0] == "C" for character in uri):
        raise invalid("The address contains a control character or an invisible one.")
    if "%" in uri:
        raise invalid("Write the characters of the address themselves, without `%`.")
    if found := set(uri) & set("?[]{}\\"):
        raise invalid(f"The address contains `{min(found)}`. Only `*` stands for other characters.")
