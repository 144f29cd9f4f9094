"""Histograms of one group, or of some over each other."""

from collections.abc import Sequence
from itertools import pairwise

from mlplatform.plots import axes
from mlplatform.plots.plot import Plot, Table, text


def histogram(
    title: str, x: str, y: str, edges: Sequence[float], groups: list[tuple[str, Sequence]], summary: str
) -> Plot:
    """The heights of each group, a pair of its name and heights, between the edges; `x` and `y` name the axes."""
    spans = [f"{text(low)} to {text(high)}" for low, high in pairwise(edges)]
    is_share = edges[0] == 0 and edges[-1] == 1
    plot = Plot(
        title,
        axes.shares(x) if is_share else axes.around(edges, x),
        axes.around([0, *(height for _, heights in groups for height in heights)], y),
        summary,
        table=Table(
            [x.capitalize(), *(label or y.capitalize() for label, _ in groups)],
            [[span, *(text(heights[i]) for _, heights in groups)] for i, span in enumerate(spans)],
        ),
    )
    for series, (label, heights) in enumerate(groups):
        titles = [
            f"{span}: {text(height)} {label}".rstrip() for span, height in zip(spans, heights, strict=True)
        ]
        plot.bars(edges, heights, titles, label, series=series)
    return plot
