"""Histograms and bars of columns, scaled for the templates in `templates/parts`."""

from datetime import datetime

from mlplatform.number_formats import column_value

MEASURES = ("integer", "number", "date")


def of_column(one: dict) -> dict | None:
    """The picture of a profiled column: its histogram, or its most frequent values; None without either.

    An identifier has no frequent values.
    """
    if one.get("histogram"):
        return histogram(one["histogram"], name=one["name"], kind=one["type"])
    if one["top"] and one.get("role") != "identifier":
        return frequencies(one["top"], name=one["name"])
    return None


def histogram(drawn: dict, *, name: str, kind: str) -> dict:
    """`bars` with the share of the highest bar and a label, the ends of the scale, and a text alternative."""
    low, high, counts = drawn["low"], drawn["high"], drawn["counts"]
    edges = _edges(low, high, len(counts), kind)
    labels = [f"{edges[i]} to {edges[i + 1]}: {count:,} rows" for i, count in enumerate(counts)]
    fullest = max(range(len(counts)), key=counts.__getitem__)
    return {
        "bars": _bars(counts, labels),
        "low": _text(low),
        "high": _text(high),
        "summary": f"Histogram of {name} from {_text(low)} to {_text(high)}; most rows are in {labels[fullest]}.",
    }


def frequencies(top: list[list], *, name: str) -> dict:
    labels = [f"{label(value)}: {count:,} rows" for value, count in top]
    return {
        "bars": _bars([count for _, count in top], labels),
        "low": None,
        "high": None,
        "summary": f"Bars of the most frequent values of {name}: {'; '.join(labels[:3])}.",
    }


def moved(one: dict) -> dict:
    """A row of the table of distributions: the two pictures on one scale, the badge of the effect, and the means."""
    highest = max((max(bar["from"], bar["to"]) for bar in one["bars"]), default=0) or 1
    sides = {}
    for side in ("from", "to"):
        labels = [f"{bar['label']}: {bar[side]:.1%}" for bar in one["bars"]]
        sides[side] = {
            "bars": [
                {"share": bar[side] / highest, "label": text}
                for bar, text in zip(one["bars"], labels, strict=True)
            ],
            "summary": f"Shares of {one['name']} {side}: {'; '.join(labels)}.",
        }
    is_date = one["type"] == "date"
    means = {side: None if is_date else column_value(one["mean"][side], 4) for side in ("from", "to")}
    return one | {
        "old": sides["from"],
        "new": sides["to"],
        "tone": {"large": "red", "moderate": "amber"}.get(one["effect"], "grey"),
        "mean": means,
    }


def top_values(one: dict, *, rows: int, limit: int) -> list[dict]:
    """The most frequent values, each with its count and its share of the rows; of an identifier none."""
    if one.get("role") == "identifier":
        return []
    return [
        {"value": label(value), "count": count, "share": count / max(rows, 1)}
        for value, count in (one["top"] or [])[:limit]
    ]


def label(value: object) -> str:
    if value == "":
        return "empty text"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bars(counts: list[int], labels: list[str]) -> list[dict]:
    highest = max(max(counts), 1)
    # A bar of a single row among millions is still seen.
    return [
        {"share": max(count / highest, 0.03) if count else 0, "label": text}
        for count, text in zip(counts, labels, strict=True)
    ]


def _edges(low: object, high: object, bins: int, kind: str) -> list[str]:
    if kind == "date":
        start, end = datetime.fromisoformat(low), datetime.fromisoformat(high)
        return [_text((start + (end - start) * i / bins).date().isoformat()) for i in range(bins + 1)]
    span = high / bins - low / bins if kind == "number" else (high - low + 1) / bins
    return [_text(float(low + span * i) if span % 1 else round(low + span * i)) for i in range(bins + 1)]


def _text(value: object) -> str:
    return str(column_value(value, 4))
