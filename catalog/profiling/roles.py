"""What a column is for, by its profile: more than its type says. Pure functions of JSON values."""

import math

TARGET_NAMES = ("target", "label", "class", "y")
ROLES = ("identifier", "category", "free text", "measure", "date", "constant", "empty")
MIN_ROWS = 10
UNIQUE = 0.95
FEW_VALUES = 20  # as categories are few even in a table of a few rows
MAX_CATEGORY_LENGTH, MAX_IDENTIFIER_LENGTH = 100, 64
MAX_IDENTIFIER_WORDS = 3  # fewer than in texts that say something
# Random codes are uniform: the limit of a Kolmogorov-Smirnov test at the 1 % level is 1.63 / sqrt(rows).
MIN_ROWS_FOR_SPREAD, MAX_ROWS_FOR_SPREAD = 50, 500


def usual_target(columns: list[dict]) -> str | None:
    """The column named target, label, class or y (any case, in that order)."""
    by_name = {column["name"].lower(): column["name"] for column in reversed(columns)}
    return next((by_name[name] for name in TARGET_NAMES if name in by_name), None)


def role(column: dict, *, rows: int) -> str:
    """One of ROLES for a column of `statistics.profile` in a table of this many rows."""
    filled, distinct, kind = rows - column["missing"], column["distinct"], column["type"]
    if not filled:
        return "empty"
    if distinct == 1:
        return "constant"
    if kind in ("boolean", "date"):
        return {"boolean": "category", "date": "date"}[kind]
    is_unique = filled >= MIN_ROWS and distinct >= UNIQUE * filled
    if kind == "text":
        is_short = (
            column["max_length"] <= MAX_IDENTIFIER_LENGTH and column["mean_words"] < MAX_IDENTIFIER_WORDS
        )
        if is_unique and is_short:
            return "identifier"
        is_category = distinct <= max(FEW_VALUES, filled / 2) and column["mean_length"] <= MAX_CATEGORY_LENGTH
        return "category" if is_category else "free text"
    if kind == "integer" and is_unique and _is_counter_or_code(column, filled):
        return "identifier"
    return "measure"


def _is_counter_or_code(column: dict, filled: int) -> bool:
    """Whether integers are dense or ascend like a counter, or are uniform like random codes: amounts cluster."""
    low, span = column["min"], column["max"] - column["min"]
    if span < 2 * filled or column.get("is_monotonic"):
        return True
    spread = 1.63 / math.sqrt(min(filled, MAX_ROWS_FOR_SPREAD))
    shares = [(value - low) / span for value in column["quantiles"]]
    is_uniform = all(abs(share - at) < spread for share, at in zip(shares, QUANTILES, strict=True))
    return filled >= MIN_ROWS_FOR_SPREAD and is_uniform


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
