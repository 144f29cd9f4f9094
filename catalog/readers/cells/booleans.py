"""The words for true and false."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import numbers

TRUE, FALSE = ("true",), ("false",)
# Each pair in lower case. Of other words than true and false both must occur: a column of "no" alone is text.
PAIRS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("ja", "nein"), ("ja", "nee"), ("j", "n"),
    ("oui", "non"), ("o", "n"), ("sí", "no"), ("si", "no"), ("s", "n"), ("sì", "no"), ("sim", "não"), ("да", "нет"),
    ("tak", "nie"), ("ano", "ne"), ("evet", "hayır"), ("wahr", "falsch"), ("vrai", "faux"), ("verdadero", "falso"),
    ("verdadeiro", "falso"), ("vero", "falso"), ("истина", "ложь"), (".t.", ".f."), (".true.", ".false."),
    ("是", "否"), ("はい", "いいえ"), ("예", "아니요"),
)  # fmt: skip
WORDS = frozenset(word for pair in PAIRS for word in pair)
UNIONS = (({"yes", "y"}, {"no", "n"}), ({"true", "t"}, {"false", "f"}), ({"ja", "j"}, {"nein", "n"}))


def pair_of(words: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The words for true and those for false, if these words in lower case are both and nothing else."""
    words = set(words)
    if words and words <= {"true", "false"}:
        return TRUE, FALSE
    for true, false in PAIRS:
        if words == {true, false}:
            return (true,), (false,)
    for true, false in UNIONS:
        if words <= true | false and words & true and words & false:
            return tuple(sorted(words & true)), tuple(sorted(words & false))
    return None


def likely_pair(words: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The first pair that has these words, one of which is enough."""
    return next((((true,), (false,)) for true, false in PAIRS if words <= {true, false}), None)


def parse(values: pa.Array, true: tuple[str, ...] = (), false: tuple[str, ...] = ()) -> pa.Array:
    """Texts as booleans, in any case; null if they are neither of the words, nor true or false."""
    return numbers.by_distinct(values, lambda texts: _parse(texts, true, false))


def _parse(values, true, false):
    lower = pc.utf8_lower(numbers.normalized(values))
    is_true = pc.is_in(lower, pa.array([*TRUE, *map(str.lower, true)]))
    is_false = pc.is_in(lower, pa.array([*FALSE, *map(str.lower, false)]))
    return pc.if_else(pc.or_(is_true, is_false), is_true, pa.scalar(None, pa.bool_()))
