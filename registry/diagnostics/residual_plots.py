"""The plots of a regressor's errors, from their stored section."""

from mlplatform.plots import axes
from mlplatform.plots.histogram import histogram
from mlplatform.plots.plot import TABLE_ROWS, Plot, Table, spread, text

SHOWN_FEATURES = 6


def plots(section: dict, version) -> dict:
    """The plots of the errors, and those of the errors by feature."""
    target = version.target
    return {
        "plots": [by_prediction(section, target), distribution(section, target), sizes(section, target)],
        "features": [by_feature(one, section, target) for one in section["features"][:SHOWN_FEATURES]],
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


def by_feature(feature: dict, section: dict, target: str) -> Plot:
    """The errors by the values of a numeric input; rows without one are left out."""
    missing = sum(value is None for value in feature["values"])
    return _errors(
        f"Errors by {feature['name']}",
        feature["name"],
        feature["values"],
        section,
        target,
        f"Errors of the test rows by {feature['name']}.",
        note=f"{missing} rows without a value are not drawn." if missing else "",
    )


def distribution(section: dict, target: str) -> Plot:
    found = section["histogram"]
    plot = histogram(
        "Distribution of the errors",
        f"actual minus predicted {target}",
        "test rows",
        found["edges"],
        [("", found["counts"])],
        _spread_sentence(section),
    )
    beyond = found["below"] + found["above"]
    plot.note = _spread_sentence(section) + (f" {beyond} rows are beyond the axis." if beyond else "")
    plot.table = _quantile_table(section)
    return plot


def sizes(section: dict, target: str) -> Plot:
    """The size of the error that a share of the rows does not exceed."""
    shares, values = section["quantiles"]["share"], section["quantiles"]["size"]
    middle = values[shares.index(0.5)]
    plot = Plot(
        "Size of the errors",
        axes.shares("share of the test rows"),
        axes.around([0, *values], f"error in {target}"),
        f"Half of the rows have an error of at most {text(middle)}.",
        table=_quantile_table(section),
        note=f"Half of the rows have an error of at most {text(middle)}, 9 of 10 of at most "
        f"{text(values[shares.index(0.9)])}.",
    )
    titles = [f"{text(y)} or less in {text(x)} of the rows" for x, y in zip(shares, values, strict=True)]
    plot.line(shares, values, titles=titles)
    for share, value, title in zip(shares, values, titles, strict=True):
        plot.marker(share, value, title)
    return plot


def _errors(title: str, x: str, xs: list, section: dict, target: str, summary: str, *, note: str) -> Plot:
    """A scatter plot of the errors with a line at zero."""
    pairs = [(x_, y) for x_, y in zip(xs, section["error"], strict=True) if x_ is not None]
    rows = sorted(pairs)
    plot = Plot(
        title,
        axes.around(xs, x),
        axes.around([0, *section["error"]], f"error in {target}"),
        summary,
        table=Table(
            [x.capitalize(), "Error"],
            [[text(value) for value in rows[i]] for i in spread(len(rows), TABLE_ROWS)],
        ),
        note=note,
    )
    plot.horizontal(0)
    plot.dots([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return plot


def _spread_sentence(section: dict) -> str:
    shares, errors = section["quantiles"]["share"], section["quantiles"]["error"]
    low, high = errors[shares.index(0.05)], errors[shares.index(0.95)]
    return f"9 of 10 errors are between {text(low)} and {text(high)}."


def _quantile_table(section: dict) -> Table:
    found = section["quantiles"]
    rows = [
        [f"{share:.0%}", text(error), text(size)]
        for share, error, size in zip(found["share"], found["error"], found["size"], strict=True)
    ]
    return Table(["Quantile", "Error", "Size of the error"], rows)
