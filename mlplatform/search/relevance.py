"""Which objects a search finds, and in which order: the same rules in SQL and in Python."""

import functools
import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import IntEnum

from django.core.exceptions import ValidationError
from django.db.models import Case, IntegerField, Model, Q, QuerySet, Value, When

from mlplatform.validation import integers

MAX_CHARACTERS = 200
MAX_WORDS = 10
MAX_NUMBER = 2**31 - 1  # of the integer columns of PostgreSQL
BEFORE_A_WORD = " _-./("


class Match(IntEnum):
    """How the name of an object matches a search, the most relevant first."""

    EXACT = 0
    PREFIX = 1
    WORD = 2  # the beginning of a word
    SUBSTRING = 3
    TEXT = 4  # its words are apart, or elsewhere, such as in the description


@dataclass(frozen=True)
class Query:
    """What somebody searches for. An object is found if it has every word, in any case."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Query":
        """Raises ValidationError for too many words."""
        words = tuple(text.split())
        if len(words) > MAX_WORDS:
            raise ValidationError(f"Search for at most {MAX_WORDS} words.", code="too_many_words")
        return cls(words)

    @property
    def phrases(self) -> set[str]:
        """The words as they stand in a name: `sepal length` or `sepal_length`."""
        return {" ".join(self.words), "_".join(self.words)}

    def every_word(self, condition: Callable[[str], Q]) -> Q:
        return functools.reduce(operator.and_, map(condition, self.words), Q())

    def split_number(self, nouns: Collection[str]) -> tuple[int | None, "Query"]:
        """The number in a search such as `iris version 3` or `iris v3`, and its words without it and these nouns.

        None, and all words, unless exactly one word is a number.
        """
        numbers = {word: number for word in self.words if (number := _number(word))}
        if len(numbers) != 1:
            return None, self
        rest = (word for word in self.words if word not in numbers and word.lower() not in nouns)
        return next(iter(numbers.values())), Query(tuple(rest))

    def match(self, *fields: str, before: str = "", after: str = "") -> Case:
        """The best Match of these fields, in SQL.

        `before` and `after` are what surrounds a name in a field with many.
        """

        def any_field(*lookups: tuple[str, str, str]) -> Q:
            return functools.reduce(
                operator.or_,
                (
                    Q(**{f"{field}__{lookup}": f"{start}{phrase}{end}"})
                    for field in fields
                    for phrase in self.phrases
                    for lookup, start, end in lookups
                ),
            )

        if not self.words:
            return Case(default=Value(Match.EXACT), output_field=IntegerField())
        is_list = bool(before and after)
        exact = ("icontains", before, after) if is_list else ("iexact", "", "")
        prefix = ("icontains", before, "") if is_list else ("istartswith", "", "")
        words = [("icontains", character, "") for character in BEFORE_A_WORD]
        return Case(
            When(any_field(exact), then=Value(Match.EXACT)),
            When(any_field(prefix), then=Value(Match.PREFIX)),
            When(any_field(*words), then=Value(Match.WORD)),
            When(any_field(("icontains", "", "")), then=Value(Match.SUBSTRING)),
            default=Value(Match.TEXT),
            output_field=IntegerField(),
        )

    def match_of(self, name: str, *, default: Match | None = None) -> Match | None:
        """The Match of one name; the default if it lacks a word."""
        name = name.lower()
        if not all(word.lower() in name for word in self.words):
            return default
        phrases = [phrase.lower() for phrase in self.phrases]
        if name in phrases:
            return Match.EXACT
        if name.startswith(tuple(phrases)):
            return Match.PREFIX
        if any(f"{character}{phrase}" in name for phrase in phrases for character in BEFORE_A_WORD):
            return Match.WORD
        return Match.SUBSTRING if any(phrase in name for phrase in phrases) else Match.TEXT


def numbered(
    rows: QuerySet,
    query: Query,
    *,
    number_field: str,
    nouns: Collection[str],
    names: Collection[str],
    fields: Collection[str],
) -> QuerySet:
    """The rows that have every word, or whose number is one of the words and that have the others, with their `match`.

    `nouns` can be before the number; `names` are the fields that are matched, and a word can be in any of `fields`.
    """

    def has(word: str) -> Q:
        return Q(*((f"{field}__icontains", word) for field in fields), _connector=Q.OR)

    number, rest = query.split_number(nouns)
    is_number = Q(**{number_field: number})
    return rows.filter(query.every_word(has) | is_number & rest.every_word(has)).annotate(
        match=Case(When(is_number, then=rest.match(*names)), default=query.match(*names))
    )


def best(found: QuerySet, *, order: Collection[str], limit: int) -> list[Model]:
    """The first rows by `match` and this order.

    They are chosen before they are read: a database that sorts 10,000 wide rows needs a second.
    """
    keys = list(found.order_by("match", *order).values_list("pk", flat=True)[:limit])
    rows = found.in_bulk(keys)
    return [rows[key] for key in keys if key in rows]  # others were deleted meanwhile


def _number(word: str) -> int | None:
    value = integers.parse(word.lower().removeprefix("v"))
    return value if value and value <= MAX_NUMBER else None
