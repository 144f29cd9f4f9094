"""Dates as people and programs write them, by formats as of strptime. Whole arrays at once, and only real dates.

A year of two digits is 1969 to 2068, as in POSIX. Dates without a day are the first of the month or the Monday of the
week.
"""

import re
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import numbers

ISO = (
    r"^(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    r"(?:[T ](?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:\.(?P<f>[0-9]{1,9}))?)?"
    r"(?P<z>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
DIRECTIVES = {
    "Y": "[0-9]{4}", "y": "[0-9]{2}", "m": "[0-9]{1,2}", "d": "[0-9]{1,2}", "b": r"\pL+\.?", "H": "[0-9]{1,2}",
    "I": "[0-9]{1,2}", "M": "[0-9]{2}", "S": "[0-9]{2}", "f": "[0-9]{1,9}", "p": r"(?i:[ap]\.?m\.?)",
    "z": "(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)", "G": "[0-9]{4}", "V": "[0-9]{1,2}", "u": "[1-7]",
    "j": "[0-9]{1,3}",
}  # fmt: skip
MONTHS = {
    name: number
    for language in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "jän feb mär apr mai juni juli aug sept okt nov dez",
        "jänner feber mrz apr mai jun jul aug sept okt nov dez",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "janv févr mars avr mai juin juil août sept oct nov déc",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "ene feb mar abr may jun jul ago sept oct nov dic",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "gen feb mar apr mag giu lug ago set ott nov dic",
        "januari februari maart april mei juni juli augustus september oktober november december",
        "jan feb mrt apr mei jun jul aug sep okt nov dec",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "jan fev mar abr mai jun jul ago set out nov dez",
    )
    for number, name in enumerate(language.split(), 1)
}
ORDINAL = r"\b([0-9]{1,2})(?:st|nd|rd|th)\b"


def parse(values: pa.Array, formats: tuple[str, ...] = ()) -> pa.Array:
    """Texts as naive microseconds, those with a zone in UTC; null if they are neither ISO 8601 nor of a format."""
    try:
        return values.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        pass
    return numbers.by_distinct(values, lambda texts: _parse(normalized(texts), formats))


def normalized(values: pa.Array) -> pa.Array:
    """Texts with plain spaces, and without the endings of 1st, 2nd, 3rd and 4th."""
    return pc.replace_substring_regex(numbers.normalized(values), ORDINAL, r"\1")


def _parse(values, formats):
    result = parse_format(values, None)
    for form in formats:
        if not pc.any(pc.and_(pc.is_null(result), pc.is_valid(values))).as_py():
            break
        result = pc.coalesce(result, parse_format(values, form))
    return result


def parse_format(values: pa.Array, form: str | None) -> pa.Array:
    """Normalized texts by one format, or by ISO 8601; null if they do not have it or are not in the calendar."""
    parts = pc.extract_regex(values, ISO if form is None else pattern(form))
    matched = pc.is_valid(parts).to_numpy(zero_copy_only=False)
    if not matched.any():
        return pa.nulls(len(values), pa.timestamp("us"))
    texts = {field.name: pc.struct_field(parts, place) for place, field in enumerate(parts.type)}
    valid = matched.copy()
    days = _days(texts, valid)
    micros = days.astype("M8[us]") + _time(texts, valid)
    return pa.array(micros, pa.timestamp("us"), mask=~valid)


@cache
def pattern(form: str) -> str:
    """The regular expression of a format. Raises ValueError for a directive that is not supported."""
    written, names = [], set()
    for literal, name in re.findall(r"([^%]+)|%(.?)", form):
        name = {"B": "b", "A": "a"}.get(name, name)
        if literal:
            written.append(re.sub(r"\\?\s+", " *" if literal.strip() else " +", re.escape(literal)))
        elif name == "%":
            written.append("%")
        elif name == "a":
            written.append(r"\pL+\.?")
        elif name in DIRECTIVES and name not in names:
            written.append(f"(?P<{name}>{DIRECTIVES[name]})")
            names.add(name)
        else:
            raise ValueError(f"The date format has the unknown or repeated directive %{name}.")
    if not names & {"Y", "y", "G"} or not (names & {"m", "b", "j", "V"}):
        raise ValueError("A date format needs a year and a month, as in %d/%m/%Y.")
    return f"^{''.join(written)}$"


def _days(texts, valid):
    """The day of each date; `valid` becomes false if it is not in the calendar."""
    if "G" in texts:
        return _iso_week(texts, valid)
    year = _integers(texts["Y"]) if "Y" in texts else _century(_integers(texts["y"]))
    if "j" in texts:
        first = _first_of(year, 1)
        day = _integers(texts["j"])
        valid &= (year > 0) & (day > 0) & (day <= (_first_of(year + 1, 1) - first).astype("int64"))
        return first + (day - 1)
    month = _integers(texts["m"]) if "m" in texts else _months(texts["b"])
    valid &= (year > 0) & (month >= 1) & (month <= 12)
    month = np.where(valid, month, 1)
    first = _first_of(year, month)
    day = _integers(texts["d"]) if "d" in texts else np.ones(len(year), "int64")
    length = (_first_of(year + month // 12, month % 12 + 1) - first).astype("int64")
    valid &= (day >= 1) & (day <= length)
    return first + (day - 1)


def _first_of(year, month):
    return ((year - 1970) * 12 + (month - 1)).astype("M8[M]").astype("M8[D]")


def _iso_week(texts, valid):
    year, week = _integers(texts["G"]), _integers(texts["V"])
    weekday = _integers(texts["u"]) if "u" in texts else np.ones(len(year), "int64")
    monday = [_monday_of_week_1(years) for years in (year, year + 1)]
    valid &= (year > 0) & (week >= 1) & (monday[0] + 7 * (week - 1) < monday[1])
    return monday[0] + (7 * (week - 1) + weekday - 1)


def _monday_of_week_1(year):
    fourth = _first_of(year, 1) + 3  # 4 January is in week 1
    return fourth - (fourth.astype("int64") + 3) % 7


def _time(texts, valid):
    """The time of day, less the offset from UTC, in microseconds."""
    zero = np.zeros(len(valid), "int64")
    hour = _integers(texts["H"]) if "H" in texts else zero
    if "I" in texts:
        hour = _integers(texts["I"])
        valid &= (hour >= 1) & (hour <= 12)
        hour = hour % 12
    if "p" in texts:
        is_pm = pc.match_substring_regex(texts["p"], "^[pP]")
        is_pm = pc.fill_null(is_pm, False).to_numpy(zero_copy_only=False)
        hour = hour + np.where(is_pm & (hour < 12), 12, 0)
    minute, second = (_integers(texts[name]) if name in texts else zero for name in "MS")
    valid &= (hour <= 23) & (minute <= 59) & (second <= 59)
    micros = ((hour * 60 + minute) * 60 + second) * 1_000_000
    if "f" in texts:
        micros += _integers(pc.utf8_slice_codeunits(pc.utf8_rpad(texts["f"], 6, "0"), 0, 6))
    if "z" in texts:
        micros -= _offset(texts["z"]) * 60_000_000
    return micros.astype("m8[us]")


def _offset(zones):
    """The offsets of zones from UTC in minutes."""
    encoded = zones.dictionary_encode()
    minutes = []
    for zone in encoded.dictionary.to_pylist():
        digits = re.sub("[^0-9]", "", zone or "").ljust(4, "0")
        minutes.append((-1 if zone and zone[0] == "-" else 1) * (int(digits[:2]) * 60 + int(digits[2:])))
    found = pa.array(minutes, pa.int64()).take(encoded.indices)
    return pc.fill_null(found, 0).to_numpy(zero_copy_only=False)


def _months(names):
    encoded = pc.utf8_rtrim(pc.utf8_lower(names), ".").dictionary_encode()
    found = pa.array([MONTHS.get(name, 0) for name in encoded.dictionary.to_pylist()], pa.int64())
    return pc.fill_null(found.take(encoded.indices), 0).to_numpy(zero_copy_only=False)


def _century(year):
    return year + np.where(year >= 69, 1900, 2000)


def _integers(texts):
    numbers_ = pc.if_else(pc.equal(pc.binary_length(texts), 0), "0", texts).cast(pa.int64())
    return pc.fill_null(numbers_, 0).to_numpy(zero_copy_only=False)
