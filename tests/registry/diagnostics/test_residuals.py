"""The errors of a regressor: the numbers of scikit-learn and NumPy, and the plots that show them."""

import json
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from django.template.loader import render_to_string
from sklearn import metrics
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from registry.diagnostics import residuals
from registry.diagnostics.build import build
from registry.diagnostics.held_out import HeldOut
from registry.diagnostics.plots import residuals as residual_plots

INPUTS = [
    {"name": "area", "type": "number"},
    {"name": "rooms", "type": "integer"},
    {"name": "is_new", "type": "boolean"},
]
MODEL = SimpleNamespace(target="price", signature={"inputs": INPUTS})


def held_out(rows=100, *, scale=1.0):
    rng = np.random.default_rng(0)
    X = pandas.DataFrame(
        {"area": rng.normal(60, 20, rows), "rooms": rng.integers(1, 6, rows), "is_new": True}
    )
    y = (X.area * 3 + X.rooms * 10 + rng.normal(0, 8, rows)).to_numpy() * scale
    pipeline = Pipeline([("columns", StandardScaler()), ("model", LinearRegression())]).fit(X, y)
    return HeldOut(pipeline, X, y, task="regression", inputs=INPUTS)


@pytest.fixture(scope="module")
def data():
    return held_out()


@pytest.fixture(scope="module")
def section(data):
    return build(data)["residuals"]


def test_the_quantiles_are_those_of_the_errors(data, section):
    predicted = data.pipeline.predict(data.X)
    found = section["quantiles"]
    assert found["error"] == pytest.approx(np.quantile(data.y - predicted, found["share"]), rel=1e-5)
    median = metrics.median_absolute_error(data.y, predicted)
    assert found["size"][found["share"].index(0.5)] == pytest.approx(median, rel=1e-5)


def test_the_means_of_the_tenths_are_that_of_all(data, section):
    errors = data.y - data.pipeline.predict(data.X)
    assert np.mean(section["means"]["error"]) == pytest.approx(errors.mean(), abs=1e-5)
    assert section["means"]["predicted"] == sorted(section["means"]["predicted"])


def test_the_most_important_inputs_are_the_first():
    data = held_out()
    data.sections["importance"] = {"columns": [{"column": name} for name in ("is_new", "rooms", "area")]}
    assert [feature["name"] for feature in residuals.measure(data)["features"]] == ["rooms", "area"]


def test_the_inputs_of_rows_without_a_finite_prediction_are_left_out():
    data = held_out()
    data.X.loc[3, "area"] = 1e308
    data.pipeline["model"].coef_ = data.pipeline["model"].coef_ * 1e10
    found = residuals.measure(data)
    assert found["rows"] == len(found["features"][0]["values"]) == 99


def test_the_numeric_inputs_stand_beside_the_errors(data, section):
    assert [feature["name"] for feature in section["features"]] == ["area", "rooms"]
    assert section["features"][0]["values"] == pytest.approx(data.X.area.tolist(), rel=1e-5)


def test_the_histogram_counts_every_row_once_and_leaves_extreme_ones_out():
    data = held_out()
    data.y[7] += 1e6
    found = residuals.measure(data)["histogram"]
    assert sum(found["counts"]) + found["below"] + found["above"] == 100
    assert found["above"] == 1
    assert found["edges"][-1] < 1000


def test_rows_without_a_value_of_a_feature_are_not_drawn_beside_it():
    data = held_out()
    data.scores  # noqa: B018 - predicted before the values are gone
    data.X.loc[:4, "area"] = np.nan
    plot = residual_plots.by_feature(residuals.measure(data)["features"][0], residuals.measure(data), "price")
    assert plot.note == "5 rows without a value are not drawn."
    assert plot.marks[1].d.count("M") == 95


def test_values_of_a_column_are_as_in_the_file_and_errors_as_numbers():
    section = {"error": [-1234.5, 0.5], "features": [{"name": "year", "values": [1985.0, 2004.0]}]}
    plot = residual_plots.by_feature(section["features"][0], section, "price")
    assert plot.table.rows == [["1985", "−1,234"], ["2004", "0.5"]]


def test_plots_show_predicted_minus_actual_as_the_worst_rows_do():
    data = held_out()
    data.y[0] += 1_000  # far above its prediction
    section = residuals.measure(data)
    found = residual_plots.plots(section, MODEL)
    quantiles = [number(row[1]) for row in found["plots"][1].table.rows]
    assert quantiles == pytest.approx([-one for one in reversed(section["quantiles"]["error"])], rel=1e-2)
    assert found["features"][0].y.low < -900


def test_rows_beyond_the_axis_are_counted():
    section = residuals.measure(held_out())
    section["histogram"] |= {"below": 0, "above": 1}
    assert residual_plots.distribution(section, "price").note.endswith(". 1 row is beyond the axis.")
    section["histogram"] |= {"below": 2_000}
    assert residual_plots.distribution(section, "price").note.endswith(". 2,001 rows are beyond the axis.")


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def test_years_have_ticks_at_whole_years():
    section = {"error": [0.5, -0.5], "features": [{"name": "year", "values": [1999.0, 2008.0]}]}
    plot = residual_plots.by_feature(section["features"][0], section, "price", whole=True)
    assert plot.x.tick_labels() == ["2000", "2002", "2004", "2006", "2008"]


def test_a_constant_prediction_without_errors_is_drawn():
    data = held_out()
    data.y[:] = 5
    data.pipeline.fit(data.X, data.y)
    html = render(residuals.measure(data))
    assert "9 of 10 errors are between" in html


@pytest.mark.parametrize("scale", [1e-9, 1, 1e12])
def test_every_plot_is_a_picture_with_a_table_and_the_unit_of_the_target(scale):
    html = render(build(held_out(scale=scale))["residuals"])
    assert html.count('role="img"') == html.count("<details") == 5
    assert "predicted minus actual price" in html


def test_the_stored_errors_of_many_rows_are_small():
    found = build(held_out(20_000))["residuals"]
    assert len(found["error"]) == 300
    assert len(json.dumps(found)) < 20_000


def test_a_single_row_has_errors():
    data = held_out()
    one = HeldOut(data.pipeline, data.X[:1], data.y[:1], task="regression", inputs=INPUTS)
    assert render(build(one)["residuals"])


def render(section) -> str:
    return render_to_string(
        "registry/_residuals.html", {"errors": residual_plots.plots(section, MODEL), "model": MODEL}
    )


@pytest.mark.parametrize("rows", [1, 2, 3, 99])
def test_the_histogram_of_few_errors_has_all(data, rows):
    few = HeldOut(data.pipeline, data.X[:rows], data.y[:rows], task="regression", inputs=INPUTS)
    found = residuals.measure(few)["histogram"]
    assert (sum(found["counts"]), found["below"], found["above"]) == (rows, 0, 0)
