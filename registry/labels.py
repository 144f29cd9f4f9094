"""What people write about model versions: a description, tags with values, aliases. One function per operation."""

import contextlib
import posixpath
import re
from collections.abc import Iterator

from django.core.exceptions import ValidationError

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.errors import NotFound
from registry.models import Alias, ModelVersion, RegistryTag
from registry.releases import history

MAX_LABELS = 100  # tags of an object, aliases of a dataset
MAX_DESCRIPTION = 10_000  # characters, as in a training request
is_key = re.compile(r"[\w./ :-]+").fullmatch
is_alias = re.compile(r"[\w-]+").fullmatch
is_reserved = re.compile(r"latest|v[0-9]+", re.IGNORECASE).fullmatch


def describe(version: ModelVersion, *, description: str, by) -> ModelVersion:
    """Replace the description of a model version. Raises NotFound if it was deleted meanwhile."""
    permissions.check(by, "train")
    if len(description) > MAX_DESCRIPTION:
        sentence = f"A description has at most {MAX_DESCRIPTION:,} characters."
        raise ValidationError(sentence, code="max_length")
    version.description = description.replace("\r\n", "\n").strip()
    if not ModelVersion.objects.filter(pk=version.pk).update(description=version.description):
        raise _deleted(version)
    return version


def set_tag(owner: Dataset | ModelVersion, *, key: str, value: str, by) -> None:
    """Give a dataset or a model version this tag, in place of one with the same key.

    Raises ValidationError if the key or the value is too long, or the owner has MAX_LABELS others.
    """
    dataset, version = _owner(owner, by)
    if not is_key(key) or len(key) > RegistryTag.MAX_KEY or _is_ambiguous(key):
        raise ValidationError(
            f"The key of a tag has letters, digits, spaces and `- _ . : /`, at most {RegistryTag.MAX_KEY}, and is not "
            "a path such as `/a`, `a/` and `a/../b`.",
            code="invalid_tag",
        )
    if len(value) > RegistryTag.MAX_VALUE:
        sentence = f"The value of a tag has at most {RegistryTag.MAX_VALUE:,} characters."
        raise ValidationError(sentence, code="invalid_tag")
    tags = RegistryTag.objects.filter(dataset=dataset, model_version=version)
    with _in_turn(dataset, version):
        if tags.exclude(key=key).count() >= MAX_LABELS:
            raise ValidationError(
                f"{owner} has {MAX_LABELS} tags, which is the limit. Delete some.", code="too_many_tags"
            )
        RegistryTag.objects.update_or_create(
            dataset=dataset, model_version=version, key=key, defaults={"value": value}
        )


def delete_tag(owner: Dataset | ModelVersion, *, key: str, by) -> None:
    """Delete a tag; one that is not there is no error."""
    dataset, version = _owner(owner, by)
    RegistryTag.objects.filter(dataset=dataset, model_version=version, key=key).delete()


def set_alias(version: ModelVersion, *, alias: str, by) -> None:
    """Make an alias name this version of its dataset, and no other. Raises ValidationError if it cannot be one."""
    permissions.check(by, "train")
    if not is_alias(alias) or len(alias) > Alias.MAX_NAME or is_reserved(alias):
        raise ValidationError(
            f"`{alias[:50]}` cannot be an alias: it has letters, digits, `-` and `_`, at most {Alias.MAX_NAME}, and is "
            "neither `latest` nor `v` with a number.",
            code="invalid_alias",
        )
    with _in_turn(version.dataset, version):
        if Alias.objects.filter(dataset=version.dataset).exclude(name=alias).count() >= MAX_LABELS:
            raise ValidationError(
                f"`{version.dataset.name}` has {MAX_LABELS} aliases, which is the limit. Delete some.",
                code="too_many_aliases",
            )
        Alias.objects.update_or_create(
            dataset=version.dataset, name=alias, defaults={"model_version": version}
        )


def delete_alias(dataset: Dataset, *, alias: str, by) -> None:
    """Delete an alias; one that is not there is no error."""
    permissions.check(by, "train")
    Alias.objects.filter(dataset=dataset, name=alias).delete()


def _owner(owner: Dataset | ModelVersion, by) -> tuple[Dataset, ModelVersion | None]:
    if isinstance(owner, Dataset):
        permissions.check(by, "upload")
        return owner, None
    permissions.check(by, "train")
    return owner.dataset, owner


def _is_ambiguous(key: str) -> bool:
    """Whether MLflow, which can store a tag as a file, refuses the key: as a path it has another spelling."""
    return posixpath.normpath(key) != key or key == "." or key.startswith(("..", "/"))


@contextlib.contextmanager
def _in_turn(dataset: Dataset, version: ModelVersion | None) -> Iterator[None]:
    """Let changes of one dataset's labels wait for each other. Raises NotFound if it or the version was deleted."""
    with history.in_turn(dataset):
        if version and not ModelVersion.objects.filter(pk=version.pk).exists():
            raise _deleted(version)
        yield


def _deleted(version: ModelVersion) -> NotFound:
    sentence = f"Model version {version.number} of `{version.dataset.name}` was deleted."
    return NotFound(sentence, code="model_not_found")
