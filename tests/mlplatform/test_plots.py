"""Plots: round ticks, marks at their place, and a template that shows and says everything."""

import math
import re

import pytest
from django.template.loader import render_to_string

from mlplatform.plots import axes
from mlplatform.plots.axes import Axis
from mlplatform.plots.plot import HEIGHT, LEFT, WIDTH, Plot, Table, spread, text


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.03, 0.97], ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ([-1, 7], ["0", "2", "4", "6"]),
        ([120_000, 480_000], ["200k", "300k", "400k"]),
        ([3, 3], ["2", "3", "4"]),
        ([0.00012, 0.0002], ["0.00012", "0.00014", "0.00016", "0.00018", "0.0002"]),
        ([], ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ([math.nan, math.inf, None, 1, 2], ["1.00", "1.25", "1.50", "1.75", "2.00"]),
    ],
)
def test_ticks_are_round_and_evenly_spaced(values, labels):
    assert axes.around(values, "x").tick_labels() == labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1999, 2008], ["2000", "2002", "2004", "2006", "2008"]),
        ([0, 1], ["0", "1"]),
        ([5, 5], ["4", "6"]),
    ],
)
def test_whole_numbers_have_ticks_at_whole_numbers(values, labels):
    assert axes.around(values, "x", whole=True).tick_labels() == labels


@pytest.mark.parametrize(
    "values", [[-1e308, 1e308], [1.0, math.nextafter(1, 2)], [0.0, 5e-324], [1e300, 1.1e300], [0.0, 0.0]]
)
def test_the_values_are_on_an_axis_whatever_their_size(values):
    axis = axes.around(values, "x")
    assert axis.low < axis.high
    assert 2 <= len(axis.ticks) == len(axis.tick_labels()) <= 7
    assert all(0 <= axis.share(value) <= 1 for value in values)


def test_an_axis_has_space_around_the_values_but_not_beyond_zero():
    axis = axes.around([0, 10], "x")
    assert (axis.low, axis.high) == (0, 10.4)


def test_a_long_label_is_cut():
    assert len(Axis("column " * 30, 0, 1, (0, 1)).label) == 36


@pytest.fixture
def plot():
    table = Table(["Threshold", "Recall"], [["0.5", "1"]])
    return Plot("ROC", axes.shares("x"), axes.shares("y"), "The area is 0.9.", table=table)


def test_a_point_is_drawn_at_its_place_and_one_outside_at_the_edge(plot):
    plot.dots([0, 1, 7], [0, 1, 1])
    points = re.findall(r"M([\d.]+) ([\d.]+)h0", plot.marks[0].d)
    assert points[0] == (f"{LEFT:.1f}", f"{HEIGHT - 42:.1f}")
    assert points[1] == points[2] == (f"{WIDTH - 14:.1f}", "10.0")


def test_a_line_has_gaps_where_it_has_no_value(plot):
    plot.line([0, 0.5, 0.6, 1], [0, None, 0.5, 1])
    assert [part.count("L") for part in plot.marks[0].d.split("M")[1:]] == [0, 1]


def test_the_picture_has_a_title_axes_a_text_alternative_a_legend_and_its_table(plot):
    plot.line([0, 1], [0, 1], "<yes>", titles=["from 0.9", "from 0.1"])
    plot.bars([0, 0.5, 1], [0, 0.4], ["none", "four"])
    plot.diagonal("chance")
    html = render_to_string("parts/plot.html", {"plot": plot})
    assert 'role="img" aria-label="ROC. The area is 0.9."' in html
    assert html.count("<title>") == 5  # of the line, two of its points, one bar and the reference
    assert "&lt;yes&gt;</li>" in html and "chance</li>" in html
    assert '<th scope="row">0.5</th><td>1</td>' in html
    assert "style=" not in html


def test_the_dots_of_a_row_are_on_one_scale():
    context = {"dots": [{"x": 12.5, "label": "fold 1: 0.9"}], "summary": "1 fold", "mean": 12.5}
    html = render_to_string("parts/dots.html", context)
    assert "M12.50 5h0" in html and "<title>fold 1: 0.9</title>" in html


def test_positions_are_spread_with_both_ends():
    assert spread(3, 5) == [0, 1, 2]
    assert spread(100, 4) == [0, 33, 66, 99]


def test_numbers_of_a_table_are_short():
    values = (None, 1234, 0.123456, -123456.7, 8157.2, 999.96, -0.00001)
    assert [text(value) for value in values] == [
        *("–", "1,234", "0.1235", "−123,500", "8,157", "1,000", "−1e−05"),
    ]
