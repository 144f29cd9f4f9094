"""Tags of datasets and other objects: how they are written, and how an object gets them."""

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import models

from mlplatform.metadata.models import Tag

MAX_TAGS = 20  # of an object
PATTERN = re.compile(r"\w[\w .:/+-]*")
RULE = f"A tag has letters, digits, spaces and `- _ . : / +`, and at most {Tag.MAX_LENGTH} characters."


def normalize(names: Iterable[str]) -> list[str]:
    """Tags as they are stored: in lower case, each once, sorted, without empty ones. Raises ValidationError."""
    tags = sorted({" ".join(name.lower().split()) for name in names} - {""})
    for tag in tags:
        if not PATTERN.fullmatch(tag) or len(tag) > Tag.MAX_LENGTH:
            raise ValidationError(f"`{tag[: Tag.MAX_LENGTH]}` is not a tag. {RULE}", code="invalid_tag")
    if len(tags) > MAX_TAGS:
        raise ValidationError(
            f"These are {len(tags):,} tags; the limit is {MAX_TAGS}. Remove some.", code="too_many_tags"
        )
    return tags


def assign(owner: models.Model, names: list[str]) -> None:
    """Give an object these normalized tags in place of those it has. Call it in a transaction."""
    Tag.objects.bulk_create([Tag(name=name) for name in names], ignore_conflicts=True)
    owner.tags.set(Tag.objects.filter(name__in=names))
