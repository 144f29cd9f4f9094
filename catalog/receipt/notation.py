"""How numbers, dates and texts are written: the choices of the receipt page, and lists of texts."""

import csv
from collections.abc import Iterable
from datetime import datetime

from catalog.readers import encodings

AUTOMATIC = ""
OTHER = "other"
DELIMITERS = {
    ",": "Comma ,", ";": "Semicolon ;", "\t": "Tab", "|": "Pipe |", " ": "Spaces", "~": "Tilde ~", ":": "Colon :",
    "::": "Two colons ::", "||": "Two pipes ||", "\x01": "Control character U+0001",
}  # fmt: skip
# The quotation mark and the escape character.
QUOTES = {
    "double": ('"', ""),
    "double-escaped": ('"', "\\"),
    "single": ("'", ""),
    "single-escaped": ("'", "\\"),
    "none": ("", ""),
}
QUOTE_LABELS = {
    "double": 'Double "',
    "double-escaped": 'Double ", escaped as \\"',
    "single": "Single '",
    "single-escaped": "Single ', escaped as \\'",
    "none": "None",
}
DECIMALS = {".": "Point 1234.5", ",": "Comma 1234,5"}
THOUSANDS = {",": "Comma 1,234", ".": "Point 1.234", " ": "Space 1 234", "'": "Apostrophe 1'234"}
# An example: the decimal mark and the thousands mark.
NUMBERS = {
    "1234.5": (".", ""),
    "1,234.5": (".", ","),
    "1.234,5": (",", "."),
    "1234,5": (",", ""),
    "1 234,5": (",", " "),
    "1 234.5": (".", " "),
    "1'234.5": (".", "'"),
}
DATES = (
    "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%Y", "%m-%d-%Y", "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%y",
    "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
)  # fmt: skip
ENCODINGS = (
    "utf-8", "utf-16", "cp1252", "latin-1", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "mac_roman", "cp850", "koi8_r", "cp866", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp874",
)  # fmt: skip
TYPES = {
    "integer": "Integer", "number": "Number", "boolean": "Boolean", "category": "Category", "text": "Text",
    "date": "Date", "identifier": "Identifier",
}  # fmt: skip
EXAMPLE = datetime(2024, 1, 31, 15, 45, 10)
ORDERS = {"%d": "day", "%m": "month", "%b": "month", "%B": "month", "%y": "year", "%Y": "year"}


def style_of(decimal: str | None, thousands: str | None) -> str:
    """The example in NUMBERS of these marks; AUTOMATIC if there is none."""
    pair = (decimal or ".", thousands or "")
    return next((style for style, marks in NUMBERS.items() if marks == pair), AUTOMATIC)


def quotes_of(quote: str | None, escape: str | None) -> str:
    pair = ('"' if quote is None else quote, escape or "")
    return next((name for name, marks in QUOTES.items() if marks == pair), AUTOMATIC)


def delimiter(text: str) -> str:
    return DELIMITERS.get(text, text)


def encoding(name: str) -> str:
    return encodings.label(name)


def date_format(text: str) -> str:
    """An example of a date format and the order of its parts: `31/01/2024 (day, month, year)`."""
    try:
        example = EXAMPLE.strftime(text)
    except ValueError:
        return text
    parts = sorted((text.index(mark), order) for mark, order in ORDERS.items() if mark in text)
    return f"{example} ({', '.join(order for _, order in parts)})" if parts else example


def texts(value: str) -> list[str]:
    """The texts of a field that lists them, as a line of CSV: `NA, ?, ""` has three, and the last is an empty cell."""
    parts = [part.strip() for part in next(csv.reader([value], skipinitialspace=True), [])]
    return list(dict.fromkeys(part for part in parts if part or '""' in value))


def listed(values: Iterable[str]) -> str:
    """What `texts` reads as these texts."""
    return ", ".join(map(_quoted, values))


def _quoted(value):
    is_plain = value and not set(value) & set(',"') and value == value.strip()
    return value if is_plain else '"{}"'.format(value.replace('"', '""'))


def source_of(column: dict) -> str:
    """The name in the file of a column, or of the correction of one, as JSON."""
    return column.get("source") or column["name"]
