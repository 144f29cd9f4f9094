"""Tags of datasets and other objects: how they are written, and how an object gets them."""

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Prefetch

from mlplatform.metadata.models import Tag

MAX_TAGS = 20  # of an object
PATTERN = re.compile(r"\w[\w .:/+-]*")
RULE = f"A tag has letters, digits, spaces and `- _ . : / +`, and at most {Tag.MAX_LENGTH} characters."


def normalize(names: Iterable[str]) -> list[str]:
    """Tags as they are stored: in lower case, each once, sorted, without empty ones.

    Raises ValidationError (invalid_tag, too_many_tags) of the field `tags`.
    """
    tags = sorted({spelled(name) for name in names} - {""})
    for tag in tags:
        if not PATTERN.fullmatch(tag) or len(tag) > Tag.MAX_LENGTH:
            raise _invalid(f"`{tag[: Tag.MAX_LENGTH]}` is not a tag. {RULE}", "invalid_tag")
    if len(tags) > MAX_TAGS:
        raise _invalid(
            f"These are {len(tags):,} tags; the limit is {MAX_TAGS}. Remove some.", "too_many_tags"
        )
    return tags


def spelled(name: str) -> str:
    """A tag as it is stored, whether or not it can be one."""
    return " ".join(name.lower().split())


def _invalid(sentence: str, code: str) -> ValidationError:
    return ValidationError({"tags": ValidationError(sentence, code=code)})


def listed(path: str) -> Prefetch:
    """The tags of the objects of a list in one more query, for tag_names of TaggedModel."""
    return Prefetch(path, to_attr="listed_tags")


def changed(owner: models.Model, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> list[str]:
    """The normalized tags of an object with these added and removed. Raises ValidationError as normalize()."""
    removed = set(normalize(remove))
    present = owner.tags.values_list("name", flat=True)
    return normalize([*(name for name in present if name not in removed), *add])


def assign(owner: models.Model, names: list[str]) -> None:
    """Give an object these normalized tags in place of those it has. Call it in a transaction."""
    Tag.objects.bulk_create([Tag(name=name) for name in names], ignore_conflicts=True)
    owner.tags.set(Tag.objects.filter(name__in=names))
