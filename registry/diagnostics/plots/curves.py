"""The plots of a classifier's curves, from their stored section."""

from mlplatform.errors import NotFound
from mlplatform.number_formats import metric
from mlplatform.plots import axes
from mlplatform.plots.histogram import histogram
from mlplatform.plots.plot import TABLE_ROWS, Plot, Table, spread, text
from registry.diagnostics.plots import thresholds

DECISION = "as the model decides"
MIN_SHOWN, MIN_LISTED = 3, 4  # points of each of many curves that have a title, and a row of the table
MAX_HISTOGRAMS = 4  # of the scores, beside each other; of more classes, only the chosen one has one
MAX_NAME = 32  # characters of a class in a legend


def plots(section: dict, version=None) -> dict:
    """The plots of the classes, the distributions of their scores, and what they are about."""
    curves = section["curves"]
    if section["positive"] is not None:
        section = section | {side: short(section[side]) for side in ("positive", "negative")}
    found = [roc(curves), precision_recall(curves, section)]
    if "calibration" in curves[0]:
        found.append(calibration(curves))
    histograms = [distribution(curve, section, series=i) for i, curve in enumerate(curves)]
    if section["positive"]:
        found += [calibration_rows(curves[0])] if "calibration" in curves[0] else []
        found += histograms
    elif "confidence" in section:
        found += thresholds.confidence(section["confidence"])
    found += [gain(curves), lift(curves)]
    if stored := section.get("thresholds"):
        of, scores = section["positive"], section["scores"]
        found.append(thresholds.by_threshold(stored, of, scores, threshold=section["threshold"]))
    is_few = not section["positive"] and len(curves) <= MAX_HISTOGRAMS
    return {
        "plots": found,
        "histograms": histograms if is_few else [],
        "positive": section["positive"],
        "negative": section["negative"],
        "rows": section["rows"],
        "omitted": 0 if section["positive"] else section["classes"] - len(curves),
        "drawn": len(curves),
        "of_class": of_class(section),
    }


def of_class(section: dict | None, chosen: str | None = None) -> dict | None:
    """What is drawn of one class against the others: of the `chosen` one, else of the first; None of two classes.

    Raises NotFound (unknown_class).
    """
    curves = section["curves"] if section and section["positive"] is None else []
    classes = [curve["class"] for curve in curves]
    if chosen is not None and chosen not in classes:
        raise NotFound(f"No curves are drawn of a class `{short(chosen)}`.", code="unknown_class")
    if not curves:
        return None
    curve = curves[0 if chosen is None else classes.index(chosen)]
    found = [calibration([curve]), calibration_rows(curve)] if "calibration" in curve else []
    found += [distribution(curve, section, series=0)] if len(curves) > MAX_HISTOGRAMS else []
    if "thresholds" in curve:  # not of versions that were measured by an earlier release
        found.append(thresholds.by_threshold(curve["thresholds"], name(curve), section["scores"]))
    return {
        "name": name(curve),
        "class": curve["class"],
        "rows": curve["rows"],
        "choices": [{"value": one, "label": short(one)} for one in classes],
        "plots": found,
    }


def name(curve: dict) -> str:
    return short(curve["class"])


def short(label: str) -> str:
    label = label or "empty text"
    return label if len(label) <= MAX_NAME else f"{label[: MAX_NAME - 1]}…"


def roc(curves: list[dict]) -> Plot:
    plot = Plot(
        "ROC curve",
        axes.shares("false positive rate"),
        axes.shares("true positive rate (recall)"),
        _areas(curves, "auc", "AUC"),
        table=_curve_table(curves, "roc", ["False positive rate", "True positive rate"]),
        note="The higher, the better: more of the class is found among as many false alarms.",
    )
    plot.diagonal("chance")
    for i, curve in enumerate(curves):
        points, decision = curve["roc"], curve["decision"]
        titles = _titles(points, "true positive rate {y}, false positive rate {x}")
        plot.line(
            *(points["x"], points["y"], f"{name(curve)}, AUC {metric(curve['auc'])}"),
            series=i,
            titles=titles,
            shown=_shown(curves),
        )
        false, true = decision["false_rate"], decision["true_rate"]
        title = (
            f"{name(curve)} {DECISION}: true positive rate {text(true)}, false positive rate {text(false)}"
        )
        plot.marker(false, true, title, DECISION if curve is curves[-1] else "", series=i)
    return plot


def precision_recall(curves: list[dict], section: dict) -> Plot:
    plot = Plot(
        "Precision and recall",
        axes.shares("recall"),
        axes.shares("precision"),
        _areas(curves, "ap", "average precision"),
        table=_curve_table(curves, "pr", ["Recall", "Precision"]),
        note="The dashed line is chance: the share of the class." if len(curves) == 1 else "",
    )
    for i, curve in enumerate(curves):
        points, decision = curve["pr"], curve["decision"]
        if len(curves) == 1:
            plot.horizontal(curve["rows"] / section["rows"], "chance")
        titles = _titles(points, "precision {y}, recall {x}")
        plot.line(
            points["x"],
            points["y"],
            f"{name(curve)}, AP {metric(curve['ap'])}",
            series=i,
            titles=titles,
            shown=_shown(curves),
        )
        if decision["precision"] is not None:
            recall, precision = decision["true_rate"], decision["precision"]
            title = f"{name(curve)} {DECISION}: precision {text(precision)}, recall {text(recall)}"
            plot.marker(recall, precision, title, DECISION if curve is curves[-1] else "", series=i)
    return plot


def calibration(curves: list[dict]) -> Plot:
    plot = Plot(
        "Calibration",
        axes.shares("mean predicted probability"),
        axes.shares("actual share of the class"),
        "By tenth of the probability, how often the class is the actual one. The closer to the diagonal, the better.",
        table=_calibration_table(curves),
        note="Above the diagonal, probabilities are too low; below, too high.",
    )
    plot.diagonal("calibrated")
    for i, curve in enumerate(curves):
        points = [point for point in zip(*_calibrated(curve), strict=True) if point[2]]
        titles = [f"predicted {text(m)}, actual {text(s)}, {text(n)} rows" for m, s, n in points]
        means, shares, _ = zip(*points, strict=True)
        plot.line(
            means,
            shares,
            name(curve),
            series=i,
            titles=titles if len(curves) > 1 else (),
            shown=_shown(curves),
        )
        if len(curves) == 1:
            for mean, share, title in zip(means, shares, titles, strict=True):
                plot.marker(mean, share, title)
    return plot


def calibration_rows(curve: dict) -> Plot:
    """How many rows each tenth of the probability has: where the calibration is known."""
    counts = curve["calibration"]["rows"]
    edges = [i / len(counts) for i in range(len(counts) + 1)]
    return histogram(
        "Rows by probability",
        f"predicted probability of {name(curve)}",
        "test rows",
        edges,
        [("", counts)],
        "How many test rows have each predicted probability.",
    )


def distribution(curve: dict, section: dict, *, series: int) -> Plot:
    """The scores of the rows of a class beside those of the others, each as a share of its rows."""
    found, others = curve["histogram"], section["negative"] or "other classes"
    groups = []
    for label, counts in ((name(curve), found["class"]), (others, found["others"])):
        total = sum(counts) or 1
        groups.append((label, [count / total for count in counts]))
    return histogram(
        f"Scores of {name(curve)}",
        f"{section['scores']} of {name(curve)}",
        "share of the rows of the class",
        found["edges"],
        groups,
        "The less the two distributions overlap, the better.",
    )


def gain(curves: list[dict]) -> Plot:
    shares = _steps(curves)
    plot = Plot(
        "Cumulative gain",
        axes.shares("share of the rows, highest first"),
        axes.shares("share of the class among them"),
        "How much of the class is among the rows with the highest scores.",
        table=_step_table(curves, "Rows", [curve["gain"] for curve in curves]),
        note="" if len(curves) == 1 else "The lift is this share divided by that of the rows.",
    )
    plot.diagonal("chance")
    for i, curve in enumerate(curves):
        titles = [
            f"{text(y)} of {name(curve)} in {text(x)} of the rows"
            for x, y in zip(shares, curve["gain"], strict=True)
        ]
        plot.line(shares, curve["gain"], name(curve), series=i, titles=titles, shown=_shown(curves))
    return plot


def lift(curves: list[dict]) -> Plot:
    shares = _steps(curves)[1:]
    lifts = [[y / x for x, y in zip(shares, curve["gain"][1:], strict=True)] for curve in curves]
    plot = Plot(
        "Lift",
        axes.shares("share of the rows, highest first"),
        axes.around([0, *(y for ys in lifts for y in ys)], "times as many as by chance"),
        "How many times as many rows of the class are among the highest scores as in a random choice.",
        table=_step_table(curves, "Rows", [[None, *ys] for ys in lifts]),
    )
    plot.horizontal(1, "chance")
    for i, (curve, ys) in enumerate(zip(curves, lifts, strict=True)):
        titles = [f"{text(y)} times, in {text(x)} of the rows" for x, y in zip(shares, ys, strict=True)]
        plot.line(shares, ys, name(curve), series=i, titles=titles, shown=_shown(curves))
    return plot


def _areas(curves: list[dict], key: str, label: str) -> str:
    """ "AUC 0.91 of yes, 0.88 of no."""
    return f"{label} {', '.join(f'{metric(curve[key])} of {name(curve)}' for curve in curves)}."


def _shown(curves: list[dict]) -> int:
    """How many points of a curve have a title: a page with all of many curves would be large."""
    return max(TABLE_ROWS // len(curves), MIN_SHOWN)


def _titles(points: dict, sentence: str) -> list[str]:
    return [
        sentence.format(x=text(x), y=text(y)) + (f", from {text(cut)}" if cut is not None else "")
        for x, y, cut in zip(points["x"], points["y"], points["threshold"], strict=True)
    ]


def _curve_table(curves: list[dict], key: str, columns: list[str]) -> Table:
    """Some points of each curve, with the threshold; the class first if there are several."""
    rows = []
    for curve in curves:
        points = curve[key]
        for i in spread(len(points["x"]), max(TABLE_ROWS // len(curves), MIN_LISTED)):
            cut = points["threshold"][i]
            first = text(cut) if cut is not None else "none"
            first = first if len(curves) == 1 else f"{name(curve)}: {first}"
            rows.append([first, text(points["x"][i]), text(points["y"][i])])
    return Table(["Threshold" if len(curves) == 1 else "Class and threshold", *columns], rows)


def _calibration_table(curves: list[dict]) -> Table:
    """Of one curve its points; of more the actual shares by tenth of the probability, with their rows."""
    if len(curves) == 1:
        points = zip(*_calibrated(curves[0]), strict=True)
        return Table(
            ["Predicted", "Actual share", "Rows"], [list(map(text, point)) for point in points if point[2]]
        )
    tenths = [
        [
            f"{text(share)} of {text(count)}" if count else text(None)
            for _, share, count in zip(*_calibrated(curve), strict=True)
        ]
        for curve in curves
    ]
    count = len(tenths[0])
    rows = [
        [f"{i / count:g} to {(i + 1) / count:g}", *cells] for i, cells in enumerate(zip(*tenths, strict=True))
    ]
    return Table(["Probability", *map(name, curves)], rows)


def _step_table(curves: list[dict], first: str, values: list[list]) -> Table:
    rows = [
        [f"{share:.0%}", *(text(of_curve[i]) for of_curve in values)]
        for i, share in enumerate(_steps(curves))
        if i and (i % 2 == 0 or len(curves) == 1)
    ]
    return Table([first, *map(name, curves)], rows)


def _steps(curves: list[dict]) -> list[float]:
    count = len(curves[0]["gain"])
    return [i / (count - 1) for i in range(count)]


def _calibrated(curve: dict) -> tuple[list, list, list]:
    return tuple(curve["calibration"][key] for key in ("mean", "share", "rows"))
