"""The curves of a classifier: scikit-learn's own numbers, and the plots that show them."""

import json
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from django.template.loader import render_to_string
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mlplatform.errors import NotFound
from registry.diagnostics import curves
from registry.diagnostics.build import build
from registry.diagnostics.held_out import HeldOut
from registry.diagnostics.plots import curves as curve_plots

MODEL = SimpleNamespace(dataset=SimpleNamespace(name="flowers"), number=1)


def held_out(classes=("no", "yes"), *, model=None, rows=100):
    X, codes = make_classification(
        rows,
        4,
        n_informative=3,
        n_redundant=0,
        n_clusters_per_class=1,
        n_classes=len(classes),
        flip_y=0.3,
        random_state=0,
    )
    X, y = pandas.DataFrame(X, columns=list("abcd")), np.array(classes)[codes]
    pipeline = make_pipeline(StandardScaler(), model or LogisticRegression())
    inputs = [{"name": name, "type": "number"} for name in X]
    return HeldOut(pipeline.fit(X, y), X, y, task="classification", inputs=inputs)


@pytest.fixture(scope="module")
def binary():
    return held_out()


@pytest.fixture(scope="module")
def section(binary):
    return build(binary)["curves"]


@pytest.fixture(scope="module")
def three():
    return held_out(("ant", "bee", "fly"))


def is_on(xs, ys, points) -> bool:
    """Whether the points are points of a curve, as the section rounds them."""
    curve = {(float(f"{x:.4g}"), float(f"{y:.4g}")) for x, y in zip(xs, ys, strict=True)}
    return set(zip(points["x"], points["y"], strict=True)) <= curve


def test_the_roc_curve_has_the_points_and_the_area_of_scikit_learn(binary, section):
    y, scores = binary.y == "yes", binary.pipeline.predict_proba(binary.X)[:, 1]
    [curve] = section["curves"]
    assert is_on(*metrics.roc_curve(y, scores)[:2], curve["roc"])
    assert curve["auc"] == metrics.roc_auc_score(y, scores)
    drawn = np.trapezoid(curve["roc"]["y"], curve["roc"]["x"])
    assert drawn == pytest.approx(curve["auc"], abs=1e-3)


def test_the_precision_recall_curve_has_the_points_and_the_area_of_scikit_learn(binary, section):
    y, scores = binary.y == "yes", binary.pipeline.predict_proba(binary.X)[:, 1]
    [curve] = section["curves"]
    precision, recall, _ = metrics.precision_recall_curve(y, scores)
    assert is_on(recall, precision, curve["pr"])
    assert curve["ap"] == metrics.average_precision_score(y, scores)


def test_the_calibration_is_that_of_scikit_learn(binary, section):
    y, scores = binary.y == "yes", binary.pipeline.predict_proba(binary.X)[:, 1]
    found = section["curves"][0]["calibration"]
    shares, means = calibration_curve(y, scores, n_bins=10)
    assert [value for value in found["share"] if value is not None] == pytest.approx(shares, abs=1e-4)
    assert [value for value in found["mean"] if value is not None] == pytest.approx(means, abs=1e-4)
    assert sum(found["rows"]) == 100


def test_the_metrics_by_threshold_are_those_of_scikit_learn(binary, section):
    y, scores = binary.y == "yes", binary.pipeline.predict_proba(binary.X)[:, 1]
    found = section["thresholds"]
    for i in (4, 30, 49, 60):
        predicted = scores >= found["threshold"][i]
        for key, metric in (
            ("precision", metrics.precision_score),
            ("recall", metrics.recall_score),
            ("f1", metrics.f1_score),
            ("accuracy", metrics.accuracy_score),
        ):
            assert found[key][i] == pytest.approx(metric(y, predicted), abs=1e-4)


def test_the_decision_is_marked_where_the_predictions_are(binary, section):
    y, predicted = binary.y == "yes", binary.pipeline.predict(binary.X) == "yes"
    decision = section["curves"][0]["decision"]
    assert decision["true_rate"] == metrics.recall_score(y, predicted)
    assert decision["precision"] == metrics.precision_score(y, predicted)
    assert section["threshold"] == 0.5


def test_the_gain_counts_the_class_among_the_highest_scores(binary, section):
    y, scores = binary.y == "yes", binary.pipeline.predict_proba(binary.X)[:, 1]
    highest = np.argsort(-scores)[:25]
    assert section["curves"][0]["gain"][5] == pytest.approx(y[highest].sum() / y.sum(), abs=1e-4)


def test_equal_scores_have_the_gain_of_chance():
    gain = curves.gain(np.array([True] * 10 + [False] * 10), np.zeros(20))
    assert gain == pytest.approx(np.linspace(0, 1, 21))


def test_a_threshold_of_the_model_is_marked():
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.3, pos_label="yes")
    assert curves.measure(held_out(model=model))["threshold"] == 0.3


def test_no_threshold_is_marked_that_does_not_explain_the_predictions():
    data = held_out()
    data.scores.predicted = 1 - data.scores.predicted
    assert curves.measure(data)["threshold"] is None


def test_a_decision_function_has_curves_without_a_calibration():
    found = curves.measure(held_out(model=LinearSVC()))
    assert found["scores"] == "decision function"
    assert found["threshold"] == 0
    assert "calibration" not in found["curves"][0]


def test_of_many_classes_the_most_frequent_are_drawn_against_the_others():
    data = held_out([f"class {i}" for i in range(8)], rows=200)
    keep = data.y != "class 3"
    data = HeldOut(data.pipeline, data.X[keep], data.y[keep], task="classification", inputs=[])
    found = curves.measure(data)
    assert [curve["class"] for curve in found["curves"]] == [f"class {i}" for i in range(8) if i != 3]
    probabilities = data.pipeline.predict_proba(data.X)[:, 1]
    assert found["curves"][1]["auc"] == metrics.roc_auc_score(data.y == "class 1", probabilities)
    assert curve_plots.plots(found)["omitted"] == 1


def test_the_metrics_by_threshold_of_many_classes_are_those_of_scikit_learn_one_against_the_others(three):
    scores = three.pipeline.predict_proba(three.X)
    for code, curve in enumerate(curves.measure(three)["curves"]):
        found, y = curve["thresholds"], three.y == curve["class"]
        for i in (4, 20, 24):
            predicted = scores[:, code] >= found["threshold"][i]
            assert found["precision"][i] == pytest.approx(metrics.precision_score(y, predicted), abs=1e-4)
            assert found["recall"][i] == pytest.approx(metrics.recall_score(y, predicted), abs=1e-4)
            assert found["f1"][i] == pytest.approx(metrics.f1_score(y, predicted), abs=1e-4)


def test_the_confidence_is_that_of_the_predicted_class(three):
    found = curves.measure(three)["confidence"]
    values = three.pipeline.predict_proba(three.X).max(axis=1)
    is_right = three.pipeline.predict(three.X) == three.y
    shares, _ = calibration_curve(is_right, values, n_bins=10)
    assert [one for one in found["calibration"]["share"] if one is not None] == pytest.approx(
        shares, abs=1e-4
    )
    assert (found["coverage"][0], found["accuracy"][0]) == (1, pytest.approx(is_right.mean(), abs=1e-4))
    kept = values >= found["threshold"][30]
    assert found["coverage"][30] == pytest.approx(kept.mean(), abs=1e-4)
    assert found["accuracy"][30] == pytest.approx(is_right[kept].mean(), abs=1e-4)
    assert sum(found["histogram"]["class"]) == is_right.sum()
    assert 0 < found["error"] < 0.2


def test_a_decision_function_of_many_classes_has_thresholds_but_no_confidence():
    found = curves.measure(held_out(("ant", "bee", "fly"), model=LinearSVC()))
    assert "confidence" not in found and max(found["curves"][0]["thresholds"]["threshold"][:1]) < 0
    assert [one.title for one in curve_plots.of_class(found)["plots"]] == ["Metrics by threshold"]


def test_a_chosen_class_is_drawn_against_the_others(three):
    found = curves.measure(three)
    assert curve_plots.of_class(found)["class"] == "ant"
    assert curve_plots.of_class(found, "fly")["plots"][2].note.endswith("those of fly.")
    with pytest.raises(NotFound, match="No curves are drawn of a class `owl`"):
        curve_plots.of_class(found, "owl")


def test_curves_of_an_earlier_release_are_drawn(three):
    found = curves.measure(three)
    del found["confidence"]
    for curve in found["curves"]:
        del curve["thresholds"]
    assert len(curve_plots.plots(found)["plots"]) == 5
    assert len(curve_plots.of_class(found)["plots"]) == 2


def test_a_model_without_scores_and_rows_of_one_class_have_no_curves(binary):
    yes = binary.y == "yes"
    one = HeldOut(binary.pipeline, binary.X[yes], binary.y[yes], task="classification", inputs=[])
    assert curves.measure(one) is None
    assert curves.measure(HeldOut(None, binary.X, None, task="clustering", inputs=[])) is None


def test_the_stored_curves_of_many_rows_are_small():
    found = build(held_out(rows=20_000, model=GaussianNB()))["curves"]
    assert all(len(found["curves"][0][key]["x"]) <= 100 for key in ("roc", "pr"))
    assert len(json.dumps(found)) < 16_000


def test_the_stored_curves_of_many_classes_are_small():
    found = build(held_out([f"class {i}" for i in range(8)], rows=5_000, model=GaussianNB()))["curves"]
    assert len(json.dumps(found)) < 80_000


@pytest.mark.parametrize(("classes", "count"), [(("no", "yes"), 8), (("a", "b", "<c>"), 14)])
def test_every_plot_is_a_picture_with_a_table(classes, count):
    drawn = curve_plots.plots(curves.measure(held_out(classes)))
    html = render_to_string("registry/_curves.html", {"curves": drawn, "model": MODEL})
    plots = len([*drawn["plots"], *drawn["histograms"], *(drawn["of_class"] or {"plots": []})["plots"]])
    assert plots == count
    assert html.count('role="img"') == html.count("<details") == plots
    assert "AUC 0." in html and "<c>" not in html


def test_long_and_empty_names_of_classes_are_short_in_the_plots():
    context = {"curves": curve_plots.plots(curves.measure(held_out(("", "x" * 5000)))), "model": MODEL}
    html = render_to_string("registry/_curves.html", context)
    assert "empty text" in html
    assert "x" * 40 not in html
