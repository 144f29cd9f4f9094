"""The plots of what a classifier would be if it predicted only from a score on, from their stored sections."""

from mlplatform.number_formats import metric
from mlplatform.plots import axes
from mlplatform.plots.histogram import histogram
from mlplatform.plots.plot import TABLE_ROWS, Plot, Table, spread, text

METRICS = (("precision", "precision"), ("recall", "recall"), ("f1", "F1"), ("accuracy", "accuracy"))


def by_threshold(found: dict, of: str, scores: str, *, threshold: float | None = None) -> Plot:
    """The metrics of a class by the threshold of its `scores`, and where that of the model is."""
    xs = found["threshold"]
    label = f"threshold of the {scores}"
    metrics = [(key, label) for key, label in METRICS if key in found]
    plot = Plot(
        "Metrics by threshold",
        axes.shares(label) if scores == "probability" else axes.around(xs, label),
        axes.shares("value of the metric"),
        f"Metrics of {of} if it is predicted from each threshold on.",
        table=Table(
            ["Threshold", *(label.capitalize() for _, label in metrics)],
            [
                [text(xs[i]), *(text(found[key][i]) for key, _ in metrics)]
                for i in spread(len(xs), TABLE_ROWS)
            ],
        ),
        note=f"Precision, recall and F1 are those of {of}.",
    )
    for i, (key, label) in enumerate(metrics):
        titles = [f"{label} {text(y)} from {text(x)}" for x, y in zip(xs, found[key], strict=True)]
        plot.line(xs, found[key], label, series=i, titles=titles)
    if threshold is not None:
        plot.vertical(threshold, f"of the model, {text(threshold)}")
    return plot


def confidence(found: dict) -> list[Plot]:
    """How far the probability of the predicted class can be trusted, and what leaving uncertain rows would bring."""
    return [_calibration(found), _rows(found["histogram"]), _coverage(found)]


def _calibration(found: dict) -> Plot:
    error = (
        f"The expected calibration error, the mean distance from the diagonal, is {metric(found['error'])}."
    )
    tenths = [found["calibration"][key] for key in ("mean", "share", "rows")]
    points = [point for point in zip(*tenths, strict=True) if point[2]]
    plot = Plot(
        "Confidence",
        axes.shares("mean probability"),
        axes.shares("share predicted correctly"),
        f"By tenth of the probability of the predicted class, how often it is the actual one. {error}",
        table=Table(["Mean probability", "Accuracy", "Rows"], [list(map(text, point)) for point in points]),
        note=f"The probability of the predicted class. {error}",
    )
    plot.diagonal("calibrated")
    plot.line([mean for mean, *_ in points], [share for _, share, _ in points])
    for mean, share, rows in points:
        title = f"predicted with {text(mean)} on average, {text(share)} correct, {text(rows)} rows"
        plot.marker(mean, share, title)
    return plot


def _rows(found: dict) -> Plot:
    return histogram(
        "Rows by confidence",
        "probability of the predicted class",
        "test rows",
        found["edges"],
        [("correct", found["class"]), ("wrong", found["others"])],
        "How many test rows are predicted with each probability, correctly and wrongly.",
    )


def _coverage(found: dict) -> Plot:
    xs = found["threshold"]
    plot = Plot(
        "Accuracy by confidence",
        axes.shares("threshold of the probability"),
        axes.shares("share of the rows"),
        "If only rows are predicted whose probability is at least the threshold: how many that are, and how many of "
        "them are correct.",
        table=Table(
            ["Threshold", "Rows predicted", "Accuracy"],
            [
                [text(xs[i]), text(found["coverage"][i]), text(found["accuracy"][i])]
                for i in spread(len(xs), TABLE_ROWS)
            ],
        ),
        note="What leaving uncertain rows to people would bring: the accuracy on the rest, and how many the rest are.",
    )
    for i, (key, label) in enumerate((("accuracy", "accuracy"), ("coverage", "rows predicted"))):
        titles = [f"{label} {text(y)} from {text(x)}" for x, y in zip(xs, found[key], strict=True)]
        plot.line(xs, found[key], label, series=i, titles=titles)
    return plot


def coverages(sides: list[tuple[str, dict]]) -> Plot:
    """The accuracy on the rows that each of some models is most certain of, by their share of all rows."""
    thresholds = sides[0][1]["threshold"]
    plot = Plot(
        "Accuracy by coverage",
        axes.shares("share of the rows that are predicted"),
        axes.shares("accuracy on these rows"),
        "If only the rows are predicted whose class is most probable: the accuracy on these, by how many they are.",
        table=Table(
            ["Threshold", *(label for label, _ in sides)],
            [
                [text(thresholds[i]), *(_of_rows(one, i) for _, one in sides)]
                for i in spread(len(thresholds), TABLE_ROWS)
            ],
        ),
        note="The higher, the better: more rows can be predicted with the same accuracy.",
    )
    for series, (label, found) in enumerate(sides):
        points = list(zip(found["coverage"], found["accuracy"], found["threshold"], strict=True))
        titles = [
            f"{label}: accuracy {text(y)} on {text(x)} of the rows, from {text(cut)}" for x, y, cut in points
        ]
        plot.line([x for x, *_ in points], [y for _, y, _ in points], label, series=series, titles=titles)
    return plot


def _of_rows(found: dict, place: int) -> str:
    if found["accuracy"][place] is None:
        return text(None)
    return f"{text(found['accuracy'][place])} on {text(found['coverage'][place])} of the rows"
