"""The plots of a regressor's errors, predicted minus actual as everywhere on pages, from their stored section, which
has the residuals: actual minus predicted."""

from collections.abc import Callable

from mlplatform.number_formats import column_value
from mlplatform.plots import axes
from mlplatform.plots.histogram import histogram
from mlplatform.plots.plot import TABLE_ROWS, Plot, Table, spread, text

HEADINGS = {"error": "Error", "size": "Size of the error"}


def plots(section: dict, version) -> dict:
    """The plots of the errors, and those of the errors by feature."""
    target, section = version.target, _errors_of(section)
    whole = {one["name"] for one in version.signature["inputs"] if one["type"] == "integer"}
    return {
        "plots": [
            by_prediction(section, target),
            distribution(section, target),
            sizes([("", section["quantiles"])], target),
        ],
        "features": [
            by_feature(one, section, target, whole=one["name"] in whole) for one in section["features"]
        ],
        "rows": section["rows"],
        "drawn": len(section["error"]),
    }


def by_prediction(section: dict, target: str) -> Plot:
    means = section["means"]
    plot = _errors(
        "Errors by prediction",
        f"predicted {target}",
        section["predicted"],
        section,
        target,
        "Errors of the test rows by their prediction, with the mean of each tenth of the rows.",
        note="A mean away from zero is a bias; a widening cloud, an error that grows with the prediction.",
    )
    titles = [
        f"predicted about {text(x)}: mean error {text(y)}"
        for x, y in zip(means["predicted"], means["error"], strict=True)
    ]
    plot.line(means["predicted"], means["error"], "mean of a tenth", series=1, titles=titles)
    return plot


def by_feature(feature: dict, section: dict, target: str, *, whole: bool = False) -> Plot:
    """The errors by the values of a numeric input; rows without one are left out."""
    missing = sum(value is None for value in feature["values"])
    return _errors(
        f"Errors by {feature['name']}",
        feature["name"],
        feature["values"],
        section,
        target,
        f"Errors of the test rows by {feature['name']}.",
        note=f"{_rows(missing, 'without a value')} not drawn." if missing else "",
        whole=whole,
        written=column_value,
    )


def distribution(section: dict, target: str) -> Plot:
    found = section["histogram"]
    plot = histogram(
        "Distribution of the errors",
        f"predicted minus actual {target}",
        "test rows",
        found["edges"],
        [("", found["counts"])],
        _spread_sentence(section),
    )
    beyond = found["below"] + found["above"]
    if beyond:
        plot.note = f"{plot.summary} {_rows(beyond)} beyond the axis."
    plot.table = quantile_table([("", section["quantiles"])], "error")
    return plot


def sizes(sides: list[tuple[str, dict]], target: str) -> Plot:
    """The size of the error that a share of the rows does not exceed; of one model or of some.

    A side is the name of a model and the `quantiles` of its section.
    """
    note = ""
    if len(sides) == 1:
        found = sides[0][1]
        middle, high = (text(found["size"][found["share"].index(share)]) for share in (0.5, 0.9))
        note = f"Half of the rows have an error of at most {middle}, 9 of 10 of at most {high}."
    plot = Plot(
        "Size of the errors",
        axes.shares("share of the test rows"),
        axes.around([0, *(value for _, one in sides for value in one["size"])], f"error in {target}"),
        note or "The error that a share of the rows does not exceed: the lower, the better.",
        table=quantile_table(sides, "size"),
        note=note,
    )
    for series, (label, found) in enumerate(sides):
        shares, values = found["share"], found["size"]
        titles = [
            f"{text(y)} or less in {text(x)} of the rows {label}".rstrip()
            for x, y in zip(shares, values, strict=True)
        ]
        plot.line(shares, values, label, series=series, titles=titles)
    return plot


def cumulative(sides: list[tuple[str, dict]], target: str) -> Plot:
    """The share of the rows with an error below each, to compare the distributions of some models."""
    sides = [(label, _errors_of({"quantiles": found})["quantiles"]) for label, found in sides]
    values = [value for _, one in sides for value in one["error"]]
    plot = Plot(
        "Distribution of the errors",
        axes.around([0, *values], f"error in {target}"),
        axes.shares("share of the rows with less"),
        "The share of the test rows whose error is below each value: the steeper around zero, the better.",
        table=quantile_table(sides, "error"),
    )
    plot.vertical(0)
    for series, (label, found) in enumerate(sides):
        shares, errors = found["share"], found["error"]
        titles = [
            f"{text(y)} of the errors {label} are below {text(x)}"
            for x, y in zip(errors, shares, strict=True)
        ]
        plot.line(errors, shares, label, series=series, titles=titles)
    return plot


def quantile_table(sides: list[tuple[str, dict]], key: str) -> Table:
    """The quantiles of the errors, or of their sizes, one column a model."""
    columns = [found[key] for _, found in sides]
    rows = [
        [f"{share:.0%}", *(text(column[i]) for column in columns)]
        for i, share in enumerate(sides[0][1]["share"])
    ]
    return Table(["Quantile", *(label or HEADINGS[key] for label, _ in sides)], rows)


def _errors(
    title: str,
    x: str,
    xs: list,
    section: dict,
    target: str,
    summary: str,
    *,
    note: str,
    written: Callable[[float], object] = text,
    whole: bool = False,
) -> Plot:
    """A scatter plot of the errors with a line at zero; `written` are the values of `x` in the table."""
    pairs = [(x_, y) for x_, y in zip(xs, section["error"], strict=True) if x_ is not None]
    rows = sorted(pairs)
    plot = Plot(
        title,
        axes.around(xs, x, whole=whole),
        axes.around([0, *section["error"]], f"error in {target}"),
        summary,
        table=Table(
            [x.capitalize(), "Error"],
            [[str(written(rows[i][0])), text(rows[i][1])] for i in spread(len(rows), TABLE_ROWS)],
        ),
        note=note,
    )
    plot.horizontal(0)
    plot.dots([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return plot


def _errors_of(section: dict) -> dict:
    """A section, or some parts of it, with predicted minus actual values as its errors."""
    found = dict(section)
    if "error" in found:
        found["error"] = _negative(found["error"])
    for name, step in (("means", 1), ("quantiles", -1)):  # the quantiles are from the lowest to the highest
        if name in found:
            found[name] = found[name] | {"error": _negative(found[name]["error"])[::step]}
    if histogram_ := found.get("histogram"):
        found["histogram"] = {
            "edges": _negative(histogram_["edges"])[::-1],
            "counts": histogram_["counts"][::-1],
            "below": histogram_["above"],
            "above": histogram_["below"],
        }
    return found


def _negative(values: list) -> list:
    return [None if value is None else 0.0 - value for value in values]


def _rows(count: int, which: str = "") -> str:
    """ "1 row is", "2 rows without a value are"."""
    noun, verb = ("row", "is") if count == 1 else ("rows", "are")
    return " ".join(part for part in (f"{count:,}", noun, which, verb) if part)


def _spread_sentence(section: dict) -> str:
    shares, errors = section["quantiles"]["share"], section["quantiles"]["error"]
    low, high = errors[shares.index(0.05)], errors[shares.index(0.95)]
    return f"9 of 10 errors are between {text(low)} and {text(high)}."
