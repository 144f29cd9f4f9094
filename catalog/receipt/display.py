"""Formats a receipt, as JSON, for its page: findings, the first rows and values, and the lines they are read from."""

from catalog import display
from catalog.readers.correcting import choices
from catalog.receipt import notation
from catalog.receipt.forms import MAX_COLUMNS

EXAMPLES, EXAMPLE_LENGTH = 3, 24
FINDINGS = 8  # that are not folded


def findings(found: list[dict], recipe: dict) -> list[dict]:
    """The most doubtful first, with `is_doubtful` and `choices`."""
    order = {code: place for place, code in enumerate(choices.DOUBTFUL)}
    ordered = sorted(found, key=lambda finding: order.get(finding["code"], len(order)))
    return [
        finding | {"is_doubtful": finding["code"] in order, "choices": choices.of_finding(finding, recipe)}
        for finding in ordered
    ]


def header(recipe: dict) -> list[dict]:
    return [
        column | {"is_number": column["type"] in {"integer", "number"}, "kind": kind_of(column)}
        for column in recipe["columns"][:MAX_COLUMNS]
    ]


def rows(receipt: dict) -> list[list[dict]]:
    """The first rows as cells with `text` (None if missing) and `is_number`."""
    numeric = [column["is_number"] for column in header(receipt["recipe"])]
    return [
        [
            {"text": display.cell_text(value), "is_number": is_number}
            for value, is_number in zip(row, numeric, strict=False)
        ]
        for row in receipt["preview"]["rows"]
    ]


def lines(numbered: list[list], recipe: dict) -> list[dict]:
    """The first lines of the file with `part`: skipped, header or row."""
    skip = recipe.get("skip") or 0
    has_header = recipe.get("header", True) and recipe.get("skip") is not None
    return [
        {
            "number": number,
            "text": text,
            "part": "skipped" if number <= skip else "header" if has_header and number == skip + 1 else "row",
        }
        for number, text in numbered
    ]


def examples(receipt: dict, position: int) -> list[dict]:
    """Values of a column as written and as read: first those where they differ."""
    pairs = {}
    for raw, row in zip(receipt["preview"]["cells"], receipt["preview"]["rows"], strict=False):
        written, read = raw[position], display.cell_text(row[position])
        pairs.setdefault(
            written, {"written": _short(written), "read": _short(read), "is_same": written == read}
        )
    return sorted(pairs.values(), key=lambda pair: pair["is_same"])[:EXAMPLES]


def _short(text):
    if text is None:
        return None
    return text if len(text) <= EXAMPLE_LENGTH else text[: EXAMPLE_LENGTH - 1] + "…"


def changes(columns: list[dict], before: list[dict]) -> dict[str, list]:
    """What a new version changes of the columns of a dataset: those added, removed and of another type."""
    new, old = ({column["name"]: column for column in side} for side in (columns, before))
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "retyped": [
            {"name": name, "before": kind_of(old[name]), "after": kind_of(new[name])}
            for name in new
            if name in old and kind_of(new[name]) != kind_of(old[name])
        ],
    }


def kind_of(column: dict) -> str:
    """The type that a page shows for a column: its role, if a user has set one."""
    return notation.TYPES[column.get("role") or column["type"]].lower()


def of_receipt(receipt: dict, form) -> dict:
    """The context of the page."""
    recipe = receipt["recipe"]
    found = findings(receipt["findings"], recipe)
    rows_of_columns = [
        row
        | {
            "findings": [finding for finding in found if finding["column"] == row["column"]["name"]],
            "examples": examples(receipt, row["position"]),
        }
        for row in form.rows()
    ]
    return {
        "findings": found,
        "findings_title": title(found),
        "summary": summary(receipt),
        "header": header(recipe),
        "lines": lines(receipt["preview"]["lines"], recipe),
        "rows": rows(receipt),
        "column_rows": rows_of_columns,
    }


def title(found: list[dict]) -> str:
    doubtful = sum(finding["is_doubtful"] for finding in found)
    if not doubtful:
        return "What was assumed"
    return f"{doubtful} thing{'s' if doubtful > 1 else ''} to check"


def summary(receipt: dict) -> str:
    """The size of the table: `About 400 rows and 6 columns, estimated from the first 4 MB.`"""
    count, columns = receipt["rows"], len(receipt["recipe"]["columns"])
    about, end = ("About ", ", estimated from the first 4 MB.") if receipt.get("is_estimate") else ("", ".")
    return f"{about}{count:,} row{'' if count == 1 else 's'} and {columns:,} column{'' if columns == 1 else 's'}{end}"
