"""The plot of a learning curve."""

from mlplatform.number_formats import metric as metric_text
from mlplatform.plots import axes
from mlplatform.plots.plot import Plot, Table, text
from registry.evaluation import definitions

ORDERS = {
    "random": "Each share of the training rows was drawn at random.",
    "newest": "Each share has the newest of the training rows.",
    "groups": "Each share has whole groups, drawn at random.",
}


def plot(curve: dict) -> Plot:
    """The metric on the test rows and on the training rows, by the number of training rows."""
    metric, points = definitions.BY_NAME[curve["metric"]], curve["points"]
    rows = [point["rows"] for point in points]
    values = [point[side] for point in points for side in ("test", "train")]
    ends = [end for point in points for end in point["interval"] or ()]
    direction = "rises" if metric.better == definitions.HIGHER else "falls"
    found = Plot(
        f"{metric.label} by training rows",
        axes.around([0, *rows], "training rows"),
        axes.around([*values, *ends], metric.label),
        f"{metric.label} on the test rows is {_first_and_last(points)}.",
        table=Table(
            ["Training rows", "Test", "95 % interval", "Train"],
            [
                [
                    text(point["rows"]),
                    metric_text(point["test"]),
                    _interval(point["interval"]),
                    metric_text(point["train"]),
                ]
                for point in points
            ],
        ),
        note=f"{metric.better.capitalize()} is better. If the curve of the test rows still {direction} at its end, "
        f"more rows would help. {ORDERS[curve['order']]}",
    )
    for series, (side, label) in enumerate(
        (("test", "test rows, with 95 % interval"), ("train", "training rows"))
    ):
        ys = [point[side] for point in points]
        found.line(rows, ys, label, series=series)
        for point in points:
            if point[side] is not None:
                title = f"{metric_text(point[side])} on {side} rows, with {text(point['rows'])} training rows"
                found.marker(point["rows"], point[side], title, series=series)
    for point in points:
        if point["interval"]:
            low, high = point["interval"]
            found.line([point["rows"]] * 2, [low, high])
    return found


def _first_and_last(points: list[dict]) -> str:
    """ "0.81 with 20 training rows, 0.92 with 200"."""
    ends = points[:1] + points[1:][-1:]
    return ", ".join(f"{metric_text(one['test'])} with {text(one['rows'])} training rows" for one in ends)


def _interval(interval: list[float] | None) -> str:
    return f"{metric_text(interval[0])} to {metric_text(interval[1])}" if interval else text(None)
