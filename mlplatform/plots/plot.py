"""A plot as data for `templates/parts/plot.html`: what is drawn is scaled here, what it says is there.

All marks are paths of one drawing of WIDTH x HEIGHT, coloured by a class of the style sheet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlplatform.plots.axes import Axis, with_minus

WIDTH, HEIGHT = 320, 224
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 10, 42  # what the labels of the axes need
SERIES = 8  # colours of the style sheet
TABLE_ROWS = 21  # of a line; the drawing has more points
LINE_SAMPLE, DOT_SAMPLE, BAR_SAMPLE = "M0 5H20", "M10 5h0", "M3 1H17V9H3Z"  # of the legend, in 20 x 10


@dataclass(frozen=True)
class Mark:
    """A path, and the text that appears over it."""

    css: str
    d: str
    title: str = ""


@dataclass(frozen=True)
class Sample:
    """An entry of the legend."""

    css: str
    d: str
    label: str


@dataclass(frozen=True)
class Table:
    """The values of a plot: names of columns and rows of texts, the first of which names the row."""

    columns: list[str]
    rows: list[list[str]]


@dataclass
class Plot:
    """A drawing with two axes. `summary` is what a person who does not see it reads; `note` stands below it."""

    title: str
    x: Axis
    y: Axis
    summary: str
    table: Table | None = None
    note: str = ""
    marks: list[Mark] = field(default_factory=list)
    legend: list[Sample] = field(default_factory=list)

    def line(
        self, xs: Sequence, ys: Sequence, label="", *, series=0, titles: Sequence[str] = (), shown=TABLE_ROWS
    ) -> None:
        """A line through the points, with gaps where y is None. `titles`, one a point, appear at `shown` of them."""
        css = f"line series-{series % SERIES}"
        self._add(css, self._path(xs, ys), label, LINE_SAMPLE, title=label)
        for i in spread(len(titles), shown):
            if ys[i] is not None:
                self.marks.append(Mark("hit", f"M{self._at(xs[i], ys[i])}h0", titles[i]))

    def dots(self, xs: Sequence, ys: Sequence, label="", *, series=0) -> None:
        d = "".join(f"M{self._at(x, y)}h0" for x, y in zip(xs, ys, strict=True) if y is not None)
        self._add(f"dots series-{series % SERIES}", d, label, DOT_SAMPLE, title=label)

    def marker(self, x: float, y: float, title: str, label="", *, series=0) -> None:
        """One point that stands out."""
        css = f"marker series-{series % SERIES}"
        self._add(css, f"M{self._at(x, y)}h0", label, DOT_SAMPLE, title=title)

    def bars(
        self,
        edges: Sequence,
        heights: Sequence,
        titles: Sequence[str],
        label="",
        *,
        series=0,
        base: float = 0,
    ) -> None:
        """A histogram: one bar from each edge to the next, of its height above `base`."""
        css = f"bars series-{series % SERIES}"
        if label:
            self.legend.append(Sample(css, BAR_SAMPLE, label))
        for left, right, height, title in zip(edges[:-1], edges[1:], heights, titles, strict=True):
            if height:
                x, bottom, top = self._left(left), self._top(base), self._top(base + height)
                d = f"M{x:.1f} {bottom:.1f}V{top:.1f}H{self._left(right):.1f}V{bottom:.1f}Z"
                self.marks.append(Mark(css, d, title))

    def area(self, xs: Sequence, ys: Sequence, title: str, label="", *, series=0, base: float = 0) -> None:
        """The area between the points and the vertical at `base`."""
        points = "L".join(self._at(x, y) for x, y in zip(xs, ys, strict=True))
        d = f"M{self._at(base, ys[0])}L{points}L{self._at(base, ys[-1])}Z"
        self._add(f"bars series-{series % SERIES}", d, label, BAR_SAMPLE, title=title)

    def diagonal(self, label="") -> None:
        """The reference from the lower left to the upper right end of the axes that they share."""
        low, high = max(self.x.low, self.y.low), min(self.x.high, self.y.high)
        if low < high:
            self.reference([low, high], [low, high], label)

    def reference(self, xs: Sequence, ys: Sequence, label="") -> None:
        self._add("reference", self._path(xs, ys), label, LINE_SAMPLE, title=label)

    def vertical(self, x: float, label="") -> None:
        self.reference([x, x], [self.y.low, self.y.high], label)

    def horizontal(self, y: float, label="") -> None:
        self.reference([self.x.low, self.x.high], [y, y], label)

    @property
    def grid(self) -> str:
        across = "".join(f"M{LEFT} {self._top(t):.1f}H{WIDTH - RIGHT}" for t in self.y.ticks)
        return across + "".join(f"M{self._left(t):.1f} {TOP}V{HEIGHT - BOTTOM}" for t in self.x.ticks)

    @property
    def x_ticks(self) -> list[tuple[str, str]]:
        """The position and the label of each."""
        return [(f"{self._left(t):.1f}", s) for t, s in zip(self.x.ticks, self.x.tick_labels(), strict=True)]

    @property
    def y_ticks(self) -> list[tuple[str, str]]:
        return [
            (f"{self._top(t) + 4:.1f}", s) for t, s in zip(self.y.ticks, self.y.tick_labels(), strict=True)
        ]

    def _add(self, css: str, d: str, label: str, sample: str, *, title: str) -> None:
        if d:
            self.marks.append(Mark(css, d, title))
        if label:
            self.legend.append(Sample(css, sample, label))

    def _path(self, xs: Sequence, ys: Sequence) -> str:
        parts, pen = [], "M"
        for x, y in zip(xs, ys, strict=True):
            if x is None or y is None:
                pen = "M"
                continue
            parts.append(f"{pen}{self._at(x, y)}")
            pen = "L"
        return "".join(parts)

    def _at(self, x: float, y: float) -> str:
        return f"{self._left(x):.1f} {self._top(y):.1f}"

    def _left(self, x: float) -> float:
        return LEFT + self.x.share(x) * (WIDTH - LEFT - RIGHT)

    def _top(self, y: float) -> float:
        return HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM)


def spread(count: int, limit: int) -> list[int]:
    """At most `limit` positions of `count`, evenly spaced, with both ends."""
    if count <= limit:
        return list(range(count))
    return sorted({round(i * (count - 1) / (limit - 1)) for i in range(limit)})


def text(value: float | None) -> str:
    """A number of a table, with four significant digits; a dash for None. Metrics are as on pages: ui.metric."""
    if value is None:
        return "–"
    short = f"{value:.4g}"
    is_large = isinstance(value, int) or 1e3 <= abs(float(short)) < 1e15
    return with_minus(f"{value if isinstance(value, int) else float(short):,.0f}" if is_large else short)
