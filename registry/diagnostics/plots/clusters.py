"""The plots of clusters, from their stored section."""

import math

from mlplatform.number_formats import metric
from mlplatform.plots import axes
from mlplatform.plots.axes import Axis
from mlplatform.plots.plot import SERIES, Plot, Table, text

MIN_HEIGHT = 0.03  # of the plot, so that a small cluster is visible
GAP = 0.02
TICKS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def plots(section: dict, version=None) -> dict:
    found = [silhouettes(section)]
    if section["projection"]:
        found.append(projection(section))
    facts = {name: section[name] for name in ("rows", "noise", "omitted")}
    return {"plots": found, "drawn": len(section["clusters"]), **facts}


def silhouettes(section: dict) -> Plot:
    """The silhouettes of each cluster, from the highest to the lowest, above each other."""
    clusters = [one for one in section["clusters"] if one["values"]]
    heights = [max(one["measured"] / section["rows"], MIN_HEIGHT) for one in clusters]
    total = sum(heights) + GAP * (len(heights) + 1)
    lowest = min(value for one in clusters for value in one["values"])
    low = math.floor(min(lowest, 0) * 2) / 2
    summary = f"The mean is {metric(section['silhouette'])}: 1 is a row in the middle of its cluster, below 0 it is "
    plot = Plot(
        "Silhouette by cluster",
        Axis("silhouette", low, 1, tuple(tick for tick in TICKS if tick >= low)),
        Axis("rows of each cluster", 0, 1, ()),
        f"{summary}closer to another one.",
        table=Table(
            ["Cluster", "Rows", "Mean silhouette", "Share below 0"],
            [
                [one["cluster"], text(one["rows"]), metric(one["silhouette"]), text(one["negative"])]
                for one in section["clusters"]
            ],
        ),
        note=f"{summary}closer to another one.",
    )
    top = 1 - GAP / total
    for i, (one, height) in enumerate(zip(clusters, heights, strict=True)):
        bottom = top - height / total
        steps = max(len(one["values"]) - 1, 1)
        values = one["values"] * (2 if len(one["values"]) == 1 else 1)
        ys = [top - (top - bottom) * j / steps for j in range(len(values))]
        title = (
            f"cluster {one['cluster']}: mean silhouette {metric(one['silhouette'])}, {text(one['rows'])} rows"
        )
        plot.area(values, ys, title, f"cluster {one['cluster']}", series=i)
        top = bottom - GAP / total
    plot.vertical(section["silhouette"], "mean")
    return plot


def projection(section: dict) -> Plot:
    """The rows by their first two principal components."""
    found = section["projection"]
    shares = [f"{share:.0%}" for share in found["explained"]]
    plot = Plot(
        "Projection of the rows",
        axes.around(found["x"], f"first component, {shares[0]}"),
        axes.around(found["y"], f"second component, {shares[1]}"),
        f"The first two principal components of the preprocessed rows. They explain {sum(found['explained']):.0%} of "
        "the variance.",
        table=_centres(section),
        note=f"Principal components of the preprocessed rows, with {sum(found['explained']):.0%} of their variance; "
        f"{len(found['x'])} rows are drawn.",
    )
    groups = [(i, f"cluster {one['cluster']}") for i, one in enumerate(section["clusters"])]
    for i, label in [*groups, (-1, "noise or other clusters")]:
        points = _points(found, i)
        if points:
            xs, ys = zip(*points, strict=True)
            plot.dots(xs, ys, label, series=i % SERIES)
    return plot


def _centres(section: dict) -> Table:
    """The mean of the drawn rows of each cluster."""
    rows = []
    for i, one in enumerate(section["clusters"]):
        if points := _points(section["projection"], i):
            xs, ys = zip(*points, strict=True)
            rows.append([one["cluster"], text(len(points)), text(sum(xs) / len(xs)), text(sum(ys) / len(ys))])
    return Table(["Cluster", "Rows drawn", "Mean of the first", "Mean of the second"], rows)


def _points(found: dict, cluster: int) -> list[tuple[float, float]]:
    triples = zip(found["x"], found["y"], found["cluster"], strict=True)
    return [(x, y) for x, y, of in triples if of == cluster]
