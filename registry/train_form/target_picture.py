"""The target of the training form as a picture: the bars of its classes, or its histogram."""

from catalog.exploration import pictures

MAX_BARS = 10


def of(profile: dict | None, *, task: str | None, rows: int) -> dict | None:
    """What the profile of the target says for the task: its `classes` or its `picture`; None without a target."""
    if profile is None:
        return None
    filled = rows - profile["missing"]
    target = {"profile": profile, "rows": filled}
    if task == "regression" or not profile["top"]:
        return target | {
            "picture": pictures.of_column(profile),
            "median": (profile["quantiles"] or [None] * 5)[2],
        }
    classes = pictures.top_values(profile | {"role": "category"}, rows=filled, limit=MAX_BARS)
    return target | {"classes": classes, "others": max((profile["distinct"] or 0) - len(classes), 0)}
