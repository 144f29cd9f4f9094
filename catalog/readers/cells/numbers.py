"""Numbers as people and programs write them: marks, signs, currencies, units. Whole arrays at once, and exact."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SPACES = "[\u00a0\u2000-\u200a\u202f\u205f\u3000]"
APOSTROPHES = "[’‘ʼ´`]"
ZERO_WIDTH = "[\u200b-\u200d\u2060\ufeff]"
MINUS = "[−–]"
# In front of the digits, the number with its exponent, and behind. A mark in front of the digits is moved by `split`.
PARTS = r"^(?P<lead>[^0-9]*)(?P<body>[0-9](?:[0-9., ']*[0-9])?[.,]?(?:[eE][+-]?[0-9]+)?)(?P<tail>[^0-9]*)$"
# Zero-padded codes (007) do not match: as numbers they would lose their zeros.
WHOLE = "(?:0|[1-9][0-9]*)"
EXPONENT = r"(?:[eE][+-]?[0-9]{1,3})?"
INFINITY = "^[+-]?(?i:inf|infinity)$"
INT64 = range(-(2**63), 2**63)
GROUPS = {
    "": WHOLE,
    ",": f"(?:{WHOLE}|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}})",  # 12,34,567 in India
    ".": rf"(?:{WHOLE}|[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}})+)",
    " ": f"(?:{WHOLE}|[1-9][0-9]{{0,2}}(?: [0-9]{{3}})+)",
    "'": f"(?:{WHOLE}|[1-9][0-9]{{0,2}}(?:'[0-9]{{3}})+)",
}
CODES = frozenset({
    "usd", "eur", "gbp", "chf", "jpy", "cny", "rmb", "inr", "rub", "sek", "nok", "dkk", "pln", "czk", "huf",
    "ron", "bgn", "try", "tl", "brl", "mxn", "ars", "cad", "aud", "nzd", "hkd", "sgd", "zar", "krw", "kr",
    "kr.", "zł", "kč", "ft", "lei", "rs", "rs.", "r$", "us$", "a$", "c$", "ca$", "au$", "nz$", "hk$", "s$",
    "fr.", "fr", "sfr.", "sfr", "руб", "руб.", "р.", "грн", "дм", "dm", "€", "£", "¥",
})  # fmt: skip
# Attached to a number, as 12kg; behind a space any word can be a unit.
UNITS = frozenset({
    "%", "‰", "°", "°c", "°f", "℃", "℉", "mm", "cm", "m", "km", "in", "ft", "yd", "mi", "nm", "µm", "μm", "m²",
    "m³", "cm²", "cm³", "km²", "mg", "g", "kg", "t", "lb", "lbs", "oz", "µg", "μg", "ml", "cl", "dl", "l",
    "hl", "s", "ms", "min", "h", "hr", "hrs", "d", "px", "pt", "kb", "mb", "gb", "tb", "kib", "mib", "gib",
    "hz", "khz", "mhz", "ghz", "w", "kw", "mw", "kwh", "mwh", "wh", "v", "mv", "a", "ma", "ah", "mah", "pa",
    "hpa", "kpa", "bar", "mbar", "psi", "bpm", "rpm", "km/h", "kmh", "kph", "mph", "m/s", "kn", "kt", "db",
    "ppm", "ppb", "cc", "hp", "ps", "nm/s", "j", "kj", "kcal", "cal", "mol", "mmol", "iu", "pc", "pcs", "x",
})  # fmt: skip
MULTIPLIERS = frozenset({
    "k", "m", "b", "t", "bn", "mn", "mm", "mio", "mio.", "mrd", "mrd.", "thousand", "million", "billion",
    "tsd", "tsd.", "lakh", "crore", "cr",
})  # fmt: skip
NOT_UNITS = frozenset({
    "am", "pm", "a.m.", "p.m.", "a.m", "p.m", "st", "nd", "rd", "th", "e",
})  # fmt: skip


def normalized(values: pa.Array) -> pa.Array:
    """The texts with plain spaces, apostrophes and minus signs, and without surrounding spaces."""
    if not pc.all(pc.string_is_ascii(values)).as_py() and pc.any(pc.is_valid(values)).as_py():
        for pattern, plain in ((SPACES, " "), (ZERO_WIDTH, ""), (APOSTROPHES, "'"), (MINUS, "-")):
            values = pc.replace_substring_regex(values, pattern, plain)
    return pc.ascii_trim_whitespace(values)


def split(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The digits of normalized texts with their marks, and what is around them as one text; null if there are none."""
    parts = pc.extract_regex(values, PARTS)
    lead, body, tail = (pc.struct_field(parts, place) for place in range(3))
    is_mark = pc.match_substring_regex(lead, r"(?:^|[^\pL])[.,]$")
    if pc.any(is_mark).as_py():  # -.5 and $.5, but not Rs.5
        body = pc.if_else(
            is_mark, pc.binary_join_element_wise(pc.utf8_slice_codeunits(lead, -1), body, ""), body
        )
        lead = pc.if_else(is_mark, pc.utf8_slice_codeunits(lead, 0, -1), lead)
    return body, pc.binary_join_element_wise(lead, tail, "\x1f")


def text_bytes(values: pa.Array) -> bytes:
    """The UTF-8 bytes of all texts, one after the other."""
    bounds = places(values)
    return b"" if bounds[0] == bounds[-1] else values.buffers()[2][bounds[0] : bounds[-1]].to_pybytes()


def padded(values: pa.Array) -> np.ndarray:
    """The places of numbers with zeros in front or in hexadecimal, which Arrow parses: they are more likely codes."""
    bounds = places(values)
    data = np.frombuffer(text_bytes(values) + b"\0\0", "uint8")
    bounds = bounds - bounds[0]
    starts, ends = bounds[:-1], bounds[1:]
    first = data[starts]
    starts = starts + ((first == ord("-")) | (first == ord("+")))
    zeros = np.flatnonzero((data[starts] == ord("0")) & (starts + 1 < ends))
    after = data[starts[zeros] + 1]
    is_digit = (after >= ord("0")) & (after <= ord("9"))
    return zeros[is_digit | (after == ord("x")) | (after == ord("X"))]


def places(values: pa.Array) -> np.ndarray:
    """Where each text starts in the bytes, and where the last one ends."""
    return np.frombuffer(values.buffers()[1], "int32", len(values) + 1, 4 * values.offset)


@cache
def surroundings(text: str) -> tuple[int, str] | None:
    """The sign and the affix of what is around digits, split by "\\x1f"; None if it cannot be around a number."""
    lead, _, tail = text.partition("\x1f")
    is_negative = "(" in lead
    if (
        is_negative != (")" in tail)
        or lead.count("(") > 1
        or tail.count(")") > 1
        or "\x1f" in tail
        or len(text) > 40
    ):
        return None
    front, back = lead.replace("(", " "), tail.replace(")", " ")
    signs = [sign for sign in front if sign in "+-"] + [sign for sign in back.strip()[-1:] if sign in "+-"]
    if len(signs) > 1 or (signs and is_negative):
        return None
    front = front.replace("+", "").replace("-", "").strip()
    back = back.strip().removesuffix("-").removesuffix("+")
    if (front and back.strip()) or not (
        _is_prefix(front) and _is_suffix(back, is_attached=tail[:1] not in " \x1f")
    ):
        return None
    return -1 if is_negative or "-" in signs else 1, front or back.strip()


def _is_currency(text):
    return text.lower() in CODES or (0 < len(text) <= 3 and unicodedata.category(text[-1]) == "Sc")


def _is_prefix(text):
    return not text or _is_currency(text)


def _is_suffix(text, *, is_attached):
    text = text.strip()
    if not text or _is_currency(text):
        return True
    if len(text) > 20 or text.lower() in NOT_UNITS or text[0] in ".,'-+/:;":
        return False
    if is_multiplier(text):
        return True
    if is_attached and len(text) == 1 and text.isupper():
        return False
    return text.lower() in UNITS or (not is_attached and text != text.upper()) or text.lower() in CODES


def is_multiplier(affix: str) -> bool:
    """Whether an affix changes the number, as K and M: it cannot be removed."""
    return affix.lower() in MULTIPLIERS and affix not in UNITS


def is_unit(affix: str) -> bool:
    """Whether an affix is neither a currency nor a percent sign."""
    return not _is_currency(affix) and affix not in ("%", "‰")


def pattern(thousands: str | None, decimal: str | None) -> str:
    """The regular expression of digits with these marks; whole numbers only without a decimal mark."""
    whole = GROUPS[thousands or ""]
    if decimal is None:
        return f"^{whole}$"
    mark = re.escape(decimal)
    return f"^(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+){EXPONENT}$"


def parse(
    values: pa.Array,
    kind: pa.DataType,
    *,
    decimal: str,
    thousands: str | None = None,
    affix: Iterable[str] = (),
) -> pa.Array:
    """Texts as numbers of an Arrow type, which must be written with these marks; null if they are not.

    A number can have a sign in front or behind, or be negative in parentheses. The affixes can be absent.
    """
    is_plain = decimal == "." and not thousands and not affix
    if is_plain and (found := plain(values, kind)) is not None:
        return found
    if decimal == "," and not thousands and not affix and not pc.any(pc.match_substring(values, ".")).as_py():
        try:
            points = pc.replace_substring(values, ",", ".")
            return _finite(points.cast(kind), values)
        except pa.ArrowInvalid:
            pass
    affixes = frozenset(text.lower() for text in affix)
    return by_distinct(values, lambda texts: _parse(texts, kind, decimal, thousands, affixes))


def plain(values: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Texts as numbers, if all of them are written as Arrow parses them."""
    try:
        return _finite(values.cast(kind), values)
    except pa.ArrowInvalid:
        return None


def _finite(numbers, values):
    """Raises ArrowInvalid for an infinite number with digits: 1E999 is more likely a code."""
    if pa.types.is_floating(numbers.type):
        is_infinite = np.isinf(numbers.to_numpy(zero_copy_only=False))
        if (
            is_infinite.any()
            and pc.any(pc.match_substring_regex(values.filter(pa.array(is_infinite)), "[0-9]")).as_py()
        ):
            raise pa.ArrowInvalid("a number is too large")
    return numbers


def _parse(values, kind, decimal, thousands, affixes):
    values, is_integer = normalized(values), pa.types.is_integer(kind)
    body, around = split(values)
    signs, valid = _signs(around, lambda affix: affix.lower() in affixes or not affix)
    body = pc.replace_substring_regex(body, "^0+([0-9])", r"\1")
    valid = pc.and_(
        pc.match_substring_regex(body, pattern(thousands, None if is_integer else decimal)), valid
    )
    body = pc.if_else(pc.fill_null(valid, False), body, pa.scalar(None, pa.string()))
    if thousands:
        body = pc.replace_substring(body, thousands, "")
    if is_integer:
        # The sign before the cast: the smallest integer has no positive counterpart.
        return _int64(pc.binary_join_element_wise(pc.if_else(pc.equal(signs, -1), "-", ""), body, ""))
    if decimal == ",":
        body = pc.replace_substring(body, ",", ".")
    numbers = pc.multiply(body.cast(kind), signs.cast(kind))
    numbers = pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, kind))
    is_word = pc.match_substring_regex(values, INFINITY)
    if pc.any(is_word).as_py():
        numbers = pc.coalesce(numbers, pc.if_else(is_word, values, pa.scalar(None, pa.string())).cast(kind))
    return numbers


def _int64(texts):
    try:
        return texts.cast(pa.int64())
    except pa.ArrowInvalid:
        values = [None if text is None else int(text) for text in texts.to_pylist()]
        return pa.array([value if value in INT64 else None for value in values], pa.int64())


def _signs(around, is_affix: Callable[[str], bool]):
    """Arrays of the sign, and of whether what is around a number is allowed."""
    encoded = around.dictionary_encode()
    known = [surroundings(text) for text in encoded.dictionary.to_pylist()]
    signs = pa.array([found[0] if found else 1 for found in known], pa.int8())
    valid = pa.array([bool(found) and is_affix(found[1]) for found in known], pa.bool_())
    return signs.take(encoded.indices), valid.take(encoded.indices)


def by_distinct(values: pa.Array, function: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The function of the values, computed once for each distinct one if few of them are."""
    sample = values.slice(0, 1000)
    if len(values) < 2000 or pc.count_distinct(sample).as_py() > 0.6 * len(sample):
        return function(values)
    encoded = values.dictionary_encode()
    return function(encoded.dictionary).take(encoded.indices)
