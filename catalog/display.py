"""What a dataset's page shows of one version: its columns in words, its first rows, how the file was read."""

from catalog.models import DatasetVersion
from mlplatform.templatetags.ui import number

COLUMNS = 100  # the page shows so many; the file and the API have them all
TOP = 3
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
FORMATS = {"csv": "Delimited text", "parquet": "Parquet", "jsonl": "JSON lines"}


def columns(version: DatasetVersion) -> list[dict]:
    """The profile, with gaps and the most frequent values as shares of the rows."""
    rows = max(version.row_count, 1)
    return [
        column
        | {
            "missing_share": column["missing"] / rows,
            "min": figure(column["min"], digits=6),
            "max": figure(column["max"], digits=6),
            "mean": None if column["type"] == "date" else figure(column["mean"], digits=4),
            "top": [
                {"value": cell_text(value), "share": count / rows}
                for value, count in (column.get("top") or [])[:TOP]
            ],
        }
        for column in version.profile[:COLUMNS]
    ]


def figure(value, *, digits: int) -> str | None:
    """A number in so many digits; whole numbers and dates as they are."""
    if not isinstance(value, float) or abs(value) >= 1e15:
        return value if value is None or isinstance(value, str) else number(value)
    return number(round(value)) if abs(value) >= 10**digits else f"{value:.{digits}g}"


def header(version: DatasetVersion) -> list[dict]:
    return [
        {"name": column["name"], "is_number": column["type"] in {"integer", "number"}}
        for column in version.columns[:COLUMNS]
    ]


def rows(version: DatasetVersion) -> list[list[dict]]:
    """The first rows as cells of a text (None where missing); numbers are told apart, to stand at the right."""
    numeric = [column["is_number"] for column in header(version)]
    return [
        [
            {"text": cell_text(value), "is_number": is_number}
            for value, is_number in zip(row, numeric, strict=False)
        ]
        for row in version.preview
    ]


def cell_text(value) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:.10g}" if isinstance(value, float) else str(value).removesuffix("T00:00:00")
    return text if len(text) <= 60 else text[:59] + "…"


def reading(version: DatasetVersion) -> str:
    """How the file is read, as a phrase: "Delimited text, commas, UTF-8"."""
    recipe = version.recipe
    parts = [FORMATS.get(recipe["format"], recipe["format"])]
    if recipe.get("delimiter"):
        parts.append(DELIMITERS.get(recipe["delimiter"], f"`{recipe['delimiter']}` between cells"))
    if recipe.get("decimal") == ",":
        parts.append("decimal commas")
    if recipe.get("encoding"):
        parts.append(recipe["encoding"].upper())
    if recipe.get("compression"):
        parts.append(recipe["compression"])
    return ", ".join(parts)
