"""Formats a dataset version for its page: its first rows, and how the file is parsed."""

from catalog.models import DatasetVersion
from catalog.readers import encodings
from catalog.readers.formats import FORMATS

MAX_COLUMNS = 100  # on the page; the API returns all
DELIMITERS = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "pipes",
    " ": "spaces",
    "~": "tildes",
    "\x01": "the control character U+0001",
}


def header(version: DatasetVersion) -> list[dict]:
    return header_of(version.columns[:MAX_COLUMNS])


def header_of(columns: list[dict]) -> list[dict]:
    return [
        {"name": column["name"], "is_number": column["type"] in {"integer", "number"}} for column in columns
    ]


def rows(version: DatasetVersion) -> list[list[dict]]:
    """The first rows as cells with `text` (None if missing) and `is_number`, for right alignment."""
    names = header(version)
    return [row_of(row, names) for row in version.preview]


def row_of(values: list, names: list[dict]) -> list[dict]:
    return [
        {"text": cell_text(value), "is_number": column["is_number"]}
        for value, column in zip(values, names, strict=False)
    ]


def cell_text(value) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:.10g}" if isinstance(value, float) else str(value).removesuffix("T00:00:00")
    return text if len(text) <= 60 else text[:59] + "…"


def reading(version: DatasetVersion) -> str:
    """How the file is parsed, such as "CSV, commas, UTF-8"."""
    recipe = version.recipe
    parts = [FORMATS[recipe["format"]].label]
    if recipe.get("sheet"):
        parts.append(f"sheet {recipe['sheet']}")
    if recipe.get("delimiter"):
        parts.append(DELIMITERS.get(recipe["delimiter"], f"delimiter {recipe['delimiter']}"))
    if recipe.get("quote") == "'":
        parts.append("single quotation marks")
    if skip := recipe.get("skip"):
        parts.append(f"{skip} line{'s' if skip > 1 else ''} above the header skipped")
    if recipe.get("decimal") == ",":
        parts.append("decimal commas")
    if encoding := recipe.get("encoding"):
        parts.append(encodings.label(encoding) + (" (guessed)" if encodings.is_guess(encoding) else ""))
    if recipe.get("compression"):
        parts.append(recipe["compression"])
    return ", ".join(parts)
