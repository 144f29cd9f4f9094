"""The grammar of MLflow's filters and orders: `name LIKE 'a%' AND tags.`team` = 'risk'`. Without a database.

See mlflow 3 `utils/search_utils.py`: comparisons joined by AND, strings in single or double quotes.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from mlplatform.validation import integers

MAX_LENGTH = 10_000  # characters of a filter
MAX_COMPARISONS = 50
MAX_PATTERN = 500  # characters of LIKE, which is compared with values of up to 100,000
TEXT = ("=", "!=", "LIKE", "ILIKE")
NUMBER = ("=", "!=", "<", "<=", ">", ">=")
LISTS = ("IN", "NOT IN")
TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^']|'')*'|"[^"]*")
    |(?P<number>[0-9]{1,18}(?![\w.]))
    |(?P<operator>!=|<=|>=|=|<|>|(?:NOT\s{1,20}IN|IN|I?LIKE)\b)
    |(?P<mark>[(),])
    |(?P<and>AND\b)
    |(?P<name>[A-Za-z_]\w*(?:\.(?:`[^`]+`|"[^"]+"|[\w./-]+))?|`[^`]+`)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
ORDER = re.compile(
    r"""\s*(?:attributes?\.)?([`"]?)(?P<key>\w+)\1(?:\s{1,20}(?P<direction>ASC|DESC))?\s*""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Comparison:
    """`value` is a string, of a number an integer, and a list of strings with IN and NOT IN."""

    key: str
    operator: str
    value: str | int | list[str]
    is_tag: bool = False

    def matches(self, actual: str | int) -> bool:
        match self.operator:
            case "=":
                return actual == self.value
            case "!=":
                return actual != self.value
            case "IN":
                return actual in self.value
            case "NOT IN":
                return actual not in self.value
            case "LIKE":
                return like(actual, self.value)
            case "ILIKE":
                return like(actual.lower(), self.value.lower())
            case "<" | "<=":
                return actual < self.value or (self.operator == "<=" and actual == self.value)
        return actual > self.value or (self.operator == ">=" and actual == self.value)


def like(text: str, pattern: str) -> bool:
    """SQL's LIKE with the case of letters: `%` is any text, `_` one character.

    Takes len(text) * len(pattern) steps of C: without `_` far fewer.
    """
    head, *middle = pattern.split("%")
    if not middle:
        return len(text) == len(head) and _find(head, text, 0) == 0
    *middle, tail = middle
    end = len(text) - len(tail)
    place = len(head)
    if place > end or _find(head, text[:place], 0) != 0 or _find(tail, text[end:], 0) != 0:
        return False
    text = text[:end]
    for part in middle:
        found = _find(part, text, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


def _find(part: str, text: str, start: int) -> int:
    """The first place of a part of a pattern without `%`; -1 if there is none."""
    if "_" not in part:
        return text.find(part, start)
    found = re.compile(re.escape(part).replace("_", "."), re.DOTALL).search(text, start)
    return found.start() if found else -1


def parse(text: str, *, texts: Collection[str], numbers: Collection[str] = (), lists: Collection[str] = ()):
    """The comparisons of a filter. `texts` and `numbers` are the attributes, `lists` those of them that take IN.

    Raises ValidationError.
    """
    if len(text) > MAX_LENGTH:
        raise _invalid(f"The filter has more than {MAX_LENGTH:,} characters.")
    if not text.strip():
        return []
    tokens, comparisons = _Tokens(text), []
    while True:
        comparisons.append(_comparison(tokens, texts, numbers, lists))
        if len(comparisons) > MAX_COMPARISONS:
            raise _invalid(f"The filter has more than {MAX_COMPARISONS} comparisons.")
        if not tokens.left:
            return comparisons
        tokens.take("and")


class _Tokens:
    def __init__(self, text: str):
        self.left: list[tuple[str, str]] = []
        place, text = 0, text.strip()
        while place < len(text):
            found = TOKEN.match(text, place)
            if found is None:
                raise _invalid(f"Invalid clause(s) in filter string at character {place + 1:,}.")
            self.left.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()
            while place < len(text) and text[place].isspace():
                place += 1
        self.left.reverse()

    def take(self, *kinds: str) -> tuple[str, str]:
        kind, text = self.left.pop() if self.left else ("end", "the end")
        if kind not in kinds:
            expected = {"and": "AND", "text": "a quoted string", "mark": "a list in parentheses"}
            words = " or ".join(expected.get(one, f"a {one}") for one in kinds)
            raise _invalid(f"Invalid clause(s) in filter string: {text[:50]} instead of {words}.")
        return kind, text


def _comparison(tokens: _Tokens, texts, numbers, lists) -> Comparison:
    key, is_tag = _key(tokens.take("name")[1], {*texts, *numbers})
    operator = " ".join(tokens.take("operator")[1].upper().split())
    is_number = not is_tag and key in numbers
    allowed = NUMBER if is_number else (*TEXT, *LISTS) if key in lists and not is_tag else TEXT
    if operator not in allowed:
        raise _invalid(
            f"Invalid comparison operator {operator} for {key[:50]}. Use one of {', '.join(allowed)}."
        )
    if is_number:
        number = integers.parse(tokens.take("number", "text")[1].strip("'\""))
        if number is None:
            raise _invalid(f"{key} is compared with a number.")
        return Comparison(key, operator, number)
    if operator not in LISTS:
        value = _text(tokens)
        if "LIKE" in operator and len(value) > MAX_PATTERN:
            raise _invalid(f"The pattern of {operator} has more than {MAX_PATTERN} characters.")
        return Comparison(key, operator, value, is_tag)
    values = []
    mark = tokens.take("mark")[1]
    while mark != ")":
        values.append(_text(tokens))
        mark = tokens.take("mark")[1]
    return Comparison(key, operator, values)


def _key(name: str, attributes: set[str]) -> tuple[str, bool]:
    entity, dot, key = name.partition(".") if name[0] != "`" else ("", "", name)
    if not dot:
        entity, key = "attribute", key or entity
    entity = entity.lower()
    key = key[1:-1] if key[0] in '`"' else key
    if entity in {"tag", "tags"}:
        return key, True
    if entity not in {"attribute", "attributes"}:
        raise _invalid(f"Invalid entity type '{entity[:50]}'. Valid entity types are attribute and tag.")
    if key not in attributes:
        raise _invalid(
            f"Invalid attribute key '{key[:50]}' specified. Valid keys are {', '.join(sorted(attributes))}."
        )
    return key, False


def _text(tokens: _Tokens) -> str:
    text = tokens.take("text")[1]
    return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1]


def parse_order(texts: list[str], *, keys: Collection[str]) -> list[tuple[str, bool]]:
    """The keys of an order, each with whether it ascends. Raises ValidationError."""
    order = []
    for text in texts:
        found = ORDER.fullmatch(text[:200])
        if found is None or found["key"] not in keys:
            raise _invalid(
                f"Invalid order_by '{text[:50]}'. Use one of {', '.join(sorted(keys))}, with ASC or DESC."
            )
        order.append((found["key"], (found["direction"] or "ASC").upper() == "ASC"))
    return order


def _invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid_filter")
