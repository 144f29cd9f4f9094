"""A parameter of an algorithm: the values that it allows, for validation, forms and error messages."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass


def is_same(value: object, other: object) -> bool:
    """Whether two values are the same to an estimator: 1 and 1.0 are not, nor are 1 and true."""
    return json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


@dataclass(frozen=True)
class Rule:
    """One way to satisfy a parameter: a kind of JSON value and its bounds or choices.

    The bounds of a list or an object apply to every number in it, and `max_items` to the number of all its values.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    choices: tuple[str, ...] = ()
    only_fractions: bool = False
    types: tuple[type, ...] = ()
    max_items: int | None = None

    def accepts(self, value: object) -> bool:
        if self.kind == "none":
            return value is None
        if self.kind == "boolean":
            return isinstance(value, bool)
        if self.kind == "choice":
            return isinstance(value, str) and value in self.choices
        if self.kind == "json":
            return isinstance(value, self.types) and (
                self.max_items is None or self._has_bounded_items(value)
            )
        if self.kind == "integer" or self.only_fractions:
            required = int if self.kind == "integer" else float
            return type(value) is required and self._in_range(value)
        return type(value) in (int, float) and self._in_range(value)

    def _in_range(self, value: float) -> bool:
        if not math.isfinite(value) if isinstance(value, float) else abs(value) >= 2**63:
            return False
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below

    def _has_bounded_items(self, value: list | dict) -> bool:
        items = list(_items(value))
        numbers = [item for item in items if type(item) in (int, float)]
        return len(items) <= self.max_items and all(map(self._in_range, numbers))

    @property
    def phrase(self) -> str:
        """The allowed values: "an integer from 1 to 100"."""
        if self.kind in ("integer", "number"):
            noun = "an integer" if self.kind == "integer" else "a number"
            return " ".join([noun, *self._bounds()])
        if self.kind == "choice":
            listed = ", ".join(self.choices[:12])
            more = f", … ({len(self.choices)} in total)" if len(self.choices) > 12 else ""
            return listed if len(self.choices) == 1 else f"one of {listed}{more}"
        if self.kind == "json":
            nouns = {list: "a list", dict: "an object", str: "a string", int: "an integer"}
            text = " or ".join(nouns[kind] for kind in self.types)
            return f"{text} of at most {self.max_items} values {self._between()}" if self.max_items else text
        return {"boolean": "true or false", "none": "null"}[self.kind]

    def _bounds(self) -> Iterator[str]:
        low, high = _as_text(self.low), _as_text(self.high)
        if low is not None and high is not None and not self.low_open and not self.high_open:
            yield self._between()
            return
        if low is not None:
            yield f"greater than {low}" if self.low_open else f"of at least {low}"
        if high is not None:
            at_most = f"less than {high}" if self.high_open else f"at most {high}"
            yield f"and {at_most}" if low is not None else at_most if self.high_open else f"of {at_most}"

    def _between(self) -> str:
        return f"from {_as_text(self.low)} to {_as_text(self.high)}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of an algorithm: enough to render a form field and to describe the allowed values.

    `kinds` are of integer, number, boolean, choice, none, json (lists, objects, class values).
    `low` and `high` are the widest bounds over all rules; `rules` are exact.
    """

    name: str
    kinds: tuple[str, ...]
    default: object
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    low_open: bool
    high_open: bool
    nullable: bool
    help: str
    rules: tuple[Rule, ...]

    @classmethod
    def of_rules(cls, name: str, rules: tuple[Rule, ...], *, default: object, help_text: str) -> Parameter:
        numeric = [rule for rule in rules if rule.kind in ("integer", "number")]
        lows = [(math.inf if rule.low is None else -rule.low, not rule.low_open) for rule in numeric]
        highs = [(math.inf if rule.high is None else rule.high, not rule.high_open) for rule in numeric]
        low, low_closed = max(lows, default=(math.inf, True))
        high, high_closed = max(highs, default=(math.inf, True))
        kinds = tuple(dict.fromkeys(rule.kind for rule in rules))
        return cls(
            name=name,
            kinds=kinds,
            default=default,
            choices=tuple(choice for rule in rules for choice in rule.choices),
            low=None if low == math.inf else -low,
            high=None if high == math.inf else high,
            low_open=not low_closed,
            high_open=not high_closed,
            nullable="none" in kinds,
            help=help_text,
            rules=rules,
        )

    @property
    def allowed(self) -> str:
        """A sentence fragment: "an integer of at least 1, or null"."""
        return ", or ".join(dict.fromkeys(rule.phrase for rule in self.rules))

    def accepts(self, value: object) -> bool:
        return any(rule.accepts(value) for rule in self.rules)

    def closest_choice(self, value: object) -> str | None:
        matches = difflib.get_close_matches(str(value), self.choices, n=1) if isinstance(value, str) else []
        return matches[0] if matches else None


def integer(name: str, default: int | None, low: int, high: int, help_text: str) -> Parameter:
    """An integer within bounds; null is allowed if it is the default."""
    return _of_numbers("integer", name, default, low, high, help_text)


def number(name: str, default: float | None, low: float, high: float, help_text: str) -> Parameter:
    """A number within bounds; null is allowed if it is the default."""
    return _of_numbers("number", name, default, low, high, help_text)


def choice(name: str, default: str | None, choices: tuple[str, ...], help_text: str) -> Parameter:
    """One of the choices; null is allowed if it is the default."""
    return _of_rules(Rule("choice", choices=choices), name, default, help_text)


def boolean(name: str, default: bool, help_text: str) -> Parameter:
    return _of_rules(Rule("boolean"), name, default, help_text)


def _of_numbers(kind: str, name: str, default, low, high, help_text: str) -> Parameter:
    return _of_rules(Rule(kind, low=low, high=high), name, default, help_text)


def _of_rules(rule: Rule, name: str, default: object, help_text: str) -> Parameter:
    rules = (rule, Rule("none")) if default is None else (rule,)
    return Parameter.of_rules(name, rules, default=default, help_text=help_text)


def shown(value: object) -> str:
    """`value` as JSON for an error message, at most 60 characters."""
    if type(value) is int and abs(value) >= 2**63:  # str() of a very long int raises
        return "a number that is too large"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__} that is not JSON"
    return text if len(text) <= 60 else text[:59] + "…"


def _as_text(bound: float | None) -> str | None:
    """1.0 as "1", 0.5 as "0.5", a trillion as "1e12"."""
    if bound is None:
        return None
    text = str(int(bound) if float(bound).is_integer() else bound)
    return text if len(text) < 11 or text.strip("-0") != "1" else f"{text.rstrip('0')}e{text.count('0')}"


def _items(value: list | dict) -> Iterator[object]:
    """All values in a list or an object that JSON can express, at any depth."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, list | dict):
            yield from _items(item)
        else:
            yield item
