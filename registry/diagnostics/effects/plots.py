"""The pictures of importance and partial dependence, from their stored sections."""

from datetime import UTC, datetime

from mlplatform.number_formats import column_value, metric
from mlplatform.plots import axes
from mlplatform.plots.axes import Axis
from mlplatform.plots.bars import bars
from mlplatform.plots.plot import TABLE_ROWS, Plot, Table, spread, text
from registry.evaluation.definitions import BY_NAME
from registry.models import ModelVersion

SHOWN, LISTED = 12, 100  # columns with a picture, and behind it
DISTRIBUTION = 0.2  # of the height


def importance(section: dict, version: ModelVersion) -> dict:
    """A row for each column, with a bar and its interval; `rest` are the less important ones."""
    columns = section["columns"][:LISTED]
    shapes = bars(
        [one["mean"] for one in columns],
        [one["std"] for one in columns],
        [one["repeats"] for one in columns],
    )
    rows = [one | {"bar": shape} for one, shape in zip(columns, shapes, strict=True)]
    return section | {
        "metric": BY_NAME[section["metric"]],
        "count": len(section["columns"]),
        "shuffles": max((len(one["repeats"]) for one in columns), default=0),
        "shown": rows[:SHOWN],
        "rest": rows[SHOWN:],
    }


def dependence(section: dict, version: ModelVersion) -> dict:
    """A plot for each number or date, and a table with bars for each category; all on one scale of the output."""
    columns, classes = section["columns"], section["classes"]
    binary = len(classes or ()) == 1
    label = {
        "probability": f"probability of {classes[0]}" if binary else "probability",
        "score": f"score of {classes[0]}" if binary else "score",
        "prediction": f"predicted {version.target}" if not classes else "share predicted",
    }[section["output"]]
    y = axes.around([value for one in columns for values in one["means"] for value in values], label)
    names = [label] if classes is None or binary else classes
    return {
        "label": label,
        "rows": max((one["rows"] for one in columns), default=0),
        "names": names,
        "omitted": section["omitted"],
        "parts": [
            {"table": _categories(one)} if "counts" in one else {"plot": _line(one, y, names)}
            for one in columns
        ],
    }


def _line(column: dict, y: Axis, names: list[str]) -> Plot:
    grid, is_date = column["grid"], column["type"] == "date"
    xs = [_seconds(value) if is_date and value else value for value in grid]
    shown = ["missing" if value is None else value[:10] if is_date else _written(value) for value in grid]
    xs = [0 if x is None else x for x in xs]  # a column without values
    whole = column["type"] == "integer"
    x = _dates(xs, column["column"]) if is_date else axes.around(xs, column["column"], whole=whole)
    plot = Plot(
        column["column"],
        x,
        y,
        f"Mean {y.label} by {column['column']}, from {shown[0]} to {shown[-1]}, above the number of rows.",
        table=Table(
            [column["column"], *names],
            [
                [shown[i], *(text(values[i]) for values in column["means"])]
                for i in spread(len(shown), TABLE_ROWS if len(names) == 1 else TABLE_ROWS // 2)
            ],
        ),
    )
    _draw_distribution(plot, column["histogram"], xs)
    for number, (name, values) in enumerate(zip(names, column["means"], strict=True)):
        titles = [f"{value}: {text(mean)}" for value, mean in zip(shown, values, strict=True)]
        plot.line(
            xs,
            values,
            name if len(names) > 1 else "",
            series=number,
            titles=titles,
            shown=TABLE_ROWS // len(names),
        )
        if len(xs) == 1:
            plot.marker(xs[0], values[0], titles[0], series=number)
    return plot


def _written(value: float) -> str:
    """A value of a column."""
    return str(column_value(value, 4))


def _draw_distribution(plot: Plot, counts: list[int], xs: list) -> None:
    """How many rows have these values, as a histogram at the foot of the plot, without a scale."""
    most, height = max(counts, default=0), (plot.y.high - plot.y.low) * DISTRIBUTION
    if not most or len(xs) < 2:
        return
    step = (xs[-1] - xs[0]) / len(counts)
    edges = [xs[0] + step * number for number in range(len(counts) + 1)]
    heights = [count / most * height for count in counts]
    plot.bars(edges, heights, [f"{count} rows" for count in counts], "rows", series=7, base=plot.y.low)


def _dates(xs: list[float], label: str) -> Axis:
    low, high = xs[0], xs[-1] if xs[-1] > xs[0] else xs[0] + 1
    ticks = (low, (low + high) / 2, high)
    return Axis(
        label, low, high, ticks, tuple(datetime.fromtimestamp(tick, UTC).date().isoformat() for tick in ticks)
    )


def _seconds(date: str) -> float:
    found = datetime.fromisoformat(date)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _categories(column: dict) -> dict:
    """Rows of a category with its outputs, of a single one also as a bar, and the number of rows that have it."""
    means = column["means"]
    shapes = bars(means[0]) if len(means) == 1 else [None] * len(column["grid"])
    rows = [
        {
            "value": "missing" if value is None else str(column_value(value)),
            "means": [metric(mean) for mean in found],
            "bar": shape,
            "count": count,
        }
        for value, shape, count, *found in zip(column["grid"], shapes, column["counts"], *means, strict=True)
    ]
    return {"column": column["column"], "rows": rows}
