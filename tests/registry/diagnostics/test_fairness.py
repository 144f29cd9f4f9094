"""The rates of a classifier for groups of rows, by page and API, against scikit-learn on the same rows."""

import re

import numpy as np
import pytest
from sklearn import metrics

from registry import artifacts
from registry.training import run

PAGE = "/registry/models/loans/1/fairness/"
URL = "/models/loans/1/fairness"


def loans():
    random = np.random.default_rng(0)
    rows = []
    for row in range(300):
        sex, income = ("female", "male")[row % 2], random.normal(30, 8)
        approved = income + 6 * (row % 2) + random.normal(0, 5) > 33
        rows.append(
            f"{income:.2f},{sex},{'yes' if row % 3 else 'no'},{'granted' if approved else 'denied'}\n"
        )
    return "income,sex,married,decision\n" + "".join(rows)


@pytest.fixture
def version(make_version, make_dataset, api):
    made = make_version(make_dataset("loans", loans()), params={"max_depth": 4}, test_size=0.5)
    assert api.post("/models/loans/1/diagnostics").status_code == 201
    return made


def test_the_rates_of_each_group_are_those_of_its_confusion_matrix(version, api):
    body = api.get(URL, {"by": ["sex", "married"], "class": "granted"}).json()
    held_out = run.held_out(version, artifacts.load(version, version.release.key))
    assert (body["positive"], [one["column"] for one in body["columns"]]) == ("granted", ["sex", "married"])
    for group in body["columns"][0]["groups"]:
        rows = (held_out.X["sex"] == group["slice"]["value"]).to_numpy()
        predicted = held_out.pipeline.predict(held_out.X[rows])
        matrix = metrics.confusion_matrix(held_out.y[rows], predicted, labels=["denied", "granted"])
        (true_negative, false_positive), (false_negative, true_positive) = matrix
        assert group["rows"] == rows.sum()
        rates = {name: group[name]["value"] for name in group if name.endswith("_rate")}
        assert rates == pytest.approx(
            {
                "selection_rate": (true_positive + false_positive) / rows.sum(),
                "true_positive_rate": true_positive / (true_positive + false_negative),
                "false_positive_rate": false_positive / (false_positive + true_negative),
            }
        )


def test_gaps_are_the_difference_and_the_ratio_of_the_extremes(version, api):
    [column] = api.get(URL, {"by": "sex"}).json()["columns"]
    low, high = sorted(group["selection_rate"]["value"] for group in column["groups"])
    gaps = {gap["rate"]: gap for gap in column["gaps"]}
    assert gaps["selection_rate"]["difference"] == pytest.approx(high - low)
    assert gaps["selection_rate"]["ratio"] == pytest.approx(low / high)
    odds = max(gaps[f"{kind}_positive_rate"]["difference"] for kind in ("true", "false"))
    assert column["equalized_odds_difference"] == odds


def test_the_page_shows_the_groups_of_the_chosen_columns(version, page):
    text = page.get(PAGE, {"by": ["sex", "income"], "class": "granted"}).text
    assert "By <span class=" in text
    assert "female" in text
    assert "less than four fifths" in text
    assert 'value="sex" checked' in text
    assert '<option value="granted" selected>' in text
    booleans = page.get(PAGE, {"by": "married"}).text
    assert ">true</th>" in booleans  # as everywhere on pages, and in JSON


def test_the_version_page_shows_the_slices_and_the_worst_rows(version, page):
    text = page.get("/registry/models/loans/1/").text
    assert "Where it fails" in text
    assert PAGE in text
    assert "/catalog/loans/rows/?version=1&amp;row=" in text
    [tried, *_] = re.findall(r'href="(/serving/loans/versions/1/\?row=\d+)"', text)
    assert page.get(tried).context["example"].actual in {"granted", "denied"}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"by": "sexx"}, "did you mean `sex`?"),
        ({"by": "sex", "class": "Granted"}, "did you mean `granted`?"),
        ({"by": "'; drop table --"}, "is not a column with groups to compare: `sex`, `married`, `income`."),
    ],
)
def test_another_column_or_class_is_a_400_that_names_the_nearest(version, api, page, query, sentence):
    by_api, by_page = api.get(URL, query), page.get(PAGE, query)
    assert (by_api.status_code, by_page.status_code) == (400, 400)
    assert sentence in by_api.json()["detail"]
    assert sentence in by_page.context["error"]


def test_the_api_needs_a_column(version, api):
    assert "Choose 1 to 10 columns." in api.get(URL).json()["detail"]
    assert api.get(URL, {"column": "sex"}).status_code == 400


def test_regressors_have_no_groups(make_version, make_dataset, api, page):
    line = {"module": "linear_model", "class_name": "LinearRegression"}
    make_version(make_dataset("loans", loans()), target="income", **line)
    assert api.get(URL, {"by": "sex"}).json()["code"] == "no_diagnostics"
    api.post("/models/loans/1/diagnostics")
    assert api.get(URL, {"by": "sex"}).json()["code"] == "no_groups"
    assert page.get(PAGE).status_code == 404


def test_a_table_of_few_rows_has_no_groups(make_version, api, page):
    make_version()
    api.post("/models/flowers/1/diagnostics")
    response = api.get("/models/flowers/1/fairness", {"by": "colour"})
    assert (response.status_code, response.json()["code"]) == (404, "no_groups")
    assert "No input column has two groups" in page.get("/registry/models/flowers/1/fairness/").text


def test_any_class_of_several_can_be_chosen(make_version, make_dataset, api):
    rows = "".join(f"{i % 7},{i % 2},{'abc'[i % 3]}\n" for i in range(150))
    make_version(make_dataset("letters", "x,side,letter\n" + rows), target="letter", test_size=0.5)
    api.post("/models/letters/1/diagnostics")
    shares = []
    for letter in "abc":
        body = api.get("/models/letters/1/fairness", {"by": "side", "class": letter}).json()
        assert body["positive"] == letter
        shares.append([one["selection_rate"]["value"] for one in body["columns"][0]["groups"]])
    assert [sum(group) for group in zip(*shares, strict=True)] == pytest.approx([1, 1])
