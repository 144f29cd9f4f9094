"""The target of the training form as a picture: the bars of its classes, or its histogram."""

from catalog.exploration import pictures

MAX_BARS = 10


def of(form) -> dict | None:
    """What the profile of the target says for the task: its `classes` or its `picture`; None without a target."""
    profile, task, rows = form.target_profile, form.task, form.source.row_count
    if profile is None:
        return None
    filled = rows - profile["missing"]
    target = {"profile": profile, "rows": filled}
    if task == "regression" or not profile["top"]:
        return target | {
            "picture": pictures.of_column(profile),
            "median": (profile["quantiles"] or [None] * 5)[2],
        }
    column = next(one for one in form.source.recipe["columns"] if one["name"] == profile["name"])
    classes = pictures.top_values(
        profile | {"role": "category", "top": _in_words(profile["top"], column)}, rows=filled, limit=MAX_BARS
    )
    return target | {"classes": classes, "others": max((profile["distinct"] or 0) - len(classes), 0)}


def _in_words(top: list[list], column: dict) -> list[list]:
    """Booleans in the words of the file, as they are predicted."""
    words = column.get("format", {}) if column["type"] == "boolean" else {}
    return [[words.get(str(value).lower(), [value])[0] if words else value, count] for value, count in top]
