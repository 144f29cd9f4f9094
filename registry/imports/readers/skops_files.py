"""Read a skops file, in a child process: a zip archive of a schema and arrays. Only trusted types are built."""

import json
import warnings
import zipfile
from pathlib import PurePosixPath

from django.core.exceptions import ValidationError

from registry.imports.readers import contents, trust
from registry.imports.readers.loaded import Loaded

MAX_MEMBERS = 50_000
MAX_SCHEMA_MB = 64
PROTOCOL = 2  # of skops 0.10 and later
MANY = 5
MB = 1024**2


def load(path: str, *, max_unpacked_mb: int) -> Loaded:
    """The estimator in a file. Raises ValidationError: invalid_model, too_large, untrusted_type, damaged_model."""
    io = trust.skops_io()
    try:
        schema = _schema(path, max_unpacked_mb)
        types = _trusted_types(schema)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator = io.load(path, trusted=sorted(types))
    except (ValidationError, MemoryError):
        raise
    except Exception as error:
        raise _invalid(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    contents.check(estimator)
    return Loaded.of_sklearn(estimator, _version_warnings(caught))


def _schema(path: str, max_unpacked_mb: int) -> dict:
    """The schema of a file, after a check of the archive: its members are inside of it and small."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if len(members) > MAX_MEMBERS or len(set(names)) < len(names):
            raise _invalid("its archive has too many members, or two of one name")
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
                raise _invalid("a member of its archive is outside of it")
        size = sum(member.file_size for member in members)
        if size > max_unpacked_mb * MB:
            raise ValidationError(
                f"The file unpacks to {-(-size // MB):,} MB; the limit is {max_unpacked_mb:,} MB.",
                code="too_large",
            )
        if "schema.json" not in names:
            raise _invalid("it is a zip archive without the schema of skops")
        if archive.getinfo("schema.json").file_size > MAX_SCHEMA_MB * MB:
            raise ValidationError(f"The schema of the file exceeds {MAX_SCHEMA_MB} MB.", code="too_large")
        schema = json.loads(archive.read("schema.json"))
    if not isinstance(schema, dict) or schema.get("protocol") != PROTOCOL:
        raise _invalid(
            f"skops has written it in another protocol than {PROTOCOL}; save it again with skops 0.10 or later"
        )
    return schema


def _trusted_types(schema: dict) -> set[str]:
    """The types in a schema. Raises ValidationError (untrusted_type) unless the platform trusts all of them."""
    found, refused, waiting = set(), set(), [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
            if "__loader__" in one:
                loader, name = str(one["__loader__"]), f"{one.get('__module__')}.{one.get('__class__')}"
                (found if trust.is_trusted(loader, name) else refused).add(name)
    if refused:
        names = sorted(f"`{name[:100]}`" for name in refused)
        more = f" and {len(names) - MANY:,} more" if len(names) > MANY else ""
        raise ValidationError(
            f"The file contains types that are not trusted: {', '.join(names[:MANY])}{more}. Models are made of "
            "scikit-learn's estimators, and of numpy. Of a search, save `best_estimator_`.",
            code="untrusted_type",
        )
    return found


def _version_warnings(caught: list) -> list[str]:
    """A sentence if another version of scikit-learn has saved it."""
    from sklearn.exceptions import InconsistentVersionWarning

    versions = sorted(
        {
            str(one.message.original_sklearn_version)
            for one in caught
            if issubclass(one.category, InconsistentVersionWarning)
        }
    )
    if not versions:
        return []
    return [
        f"The file was saved with scikit-learn {versions[0][:20]}, another version than the one here: compare some "
        "predictions with those of the original."
    ]


def _invalid(reason: str) -> ValidationError:
    return ValidationError(f"The file cannot be read as a skops file: {reason}.", code="invalid_model")
