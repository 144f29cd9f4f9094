"""The pages that explore a dataset version."""

import json

from catalog.exploration import columns
from tests.conftest import FLOWERS

HOSTILE = '"<b>x</b>; DROP",n\n' + "".join(f"<i>{i % 2}</i>,{i}\n" for i in range(60))


def test_years_and_identifiers_have_no_thousands_separators(make_dataset):
    rows = "".join(f"{100_000 + i},{1990 + i}\n" for i in range(30))
    version = make_dataset("cars", "id,year\n" + rows)
    shown = [columns.row(one, rows=30) for one in version.profile]
    assert [(one["min"], one["max"]) for one in shown] == [(100_000, 100_029), (1990, 2019)]
    assert [one["mean"] for one in shown] == ["100014", "2004"]


def test_the_profile_shows_roles_pictures_and_warnings(page, make_dataset):
    make_dataset("cars", "id,kind\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(30)))
    text = page.get("/catalog/cars/").text
    assert "identifier" in text
    assert "<code>id</code> looks like an identifier: 30 different values in 30 rows." in text
    assert "Bars of the most frequent values of kind: a: 15 rows; b: 15 rows." in text


def test_the_columns_are_sorted_by_a_key_with_missing_values_last(page, make_dataset):
    version = make_dataset("t", "a,b,c\n1,,x\n2,,y\n9,5,z\n")
    assert [one["name"] for one in columns.ordered(version, "-mean")] == ["b", "a", "c"]
    assert [one["name"] for one in columns.ordered(version, "missing")] == ["a", "c", "b"]
    assert [one["name"] for one in columns.ordered(version, "unknown")] == ["a", "b", "c"]
    text = page.get("/catalog/t/?ordering=-missing").text
    assert text.index(">b</a>") < text.index(">a</a>")
    assert 'aria-sort="descending"' in text


def test_a_column_has_a_page_and_a_fragment(page, make_dataset):
    make_dataset()
    whole = page.get("/catalog/flowers/column/?name=length").text
    assert "Median" in whole
    assert "</html>" in whole
    fragment = page.get("/catalog/flowers/column/?name=length", headers={"HX-Request": "true"}).text
    assert "Median" in fragment
    assert "</html>" not in fragment
    assert page.get("/catalog/flowers/column/?name=nothing").status_code == 404


def test_a_column_is_opened_on_the_page_of_the_dataset(page, make_dataset):
    make_dataset()
    text = page.get("/catalog/flowers/?ordering=name&column=width").text
    assert 'id="column-name"' in text
    assert 'hx-push-url="/catalog/flowers/?version=1&amp;column=width"' in text
    assert 'href="?ordering=-name&amp;column=width"' in text


def test_a_version_that_was_profiled_before_has_a_page(page, make_dataset):
    version = make_dataset()
    former = ("name", "type", "nullable", "missing", "distinct", "min", "max", "mean", "top")
    version.profile = [{key: one[key] for key in former} for one in version.profile]
    version.warnings = []
    version.save()
    assert page.get("/catalog/flowers/").status_code == 200
    assert page.get("/catalog/flowers/column/?name=colour").status_code == 200


def test_names_and_values_are_escaped(page, make_dataset):
    make_dataset("hostile", HOSTILE)
    for path in ("", "rows/", "column/?name=%3Cb%3Ex%3C%2Fb%3E%3B+DROP"):
        text = page.get(f"/catalog/hostile/{path}").text
        assert "&lt;b&gt;x&lt;/b&gt;; DROP" in text
        assert "<b>x" not in text
        assert "<i>1" not in text


def test_the_rows_are_paged_and_numbered_from_one(page, make_dataset):
    make_dataset("hostile", HOSTILE)
    text = page.get("/catalog/hostile/rows/").text
    assert "1–50 of 60 rows" in text
    assert 'rel="next" href="/catalog/hostile/rows/?version=1&amp;row=51"' in text
    assert "51–60 of 60 rows" in page.get("/catalog/hostile/rows/?row=51").text
    assert "No matching rows" in page.get("/catalog/hostile/rows/?row=1000").text


def test_a_filter_is_added_by_the_form_and_removed_by_a_link(page, make_dataset):
    make_dataset()
    query = {"where": json.dumps([["colour", "=", "red"]]), "column": "length", "operator": ">", "value": "8"}
    response = page.get("/catalog/flowers/rows/", query)
    assert "of 4 matching rows" in response.text
    assert [one["column"] for one in response.context["filters"]] == ["colour", "length"]
    assert "colour" not in response.context["filters"][0]["remove"]
    assert "length" in response.context["filters"][0]["remove"]


def test_a_filter_that_does_not_fit_keeps_the_page(page, make_dataset):
    make_dataset()
    response = page.get("/catalog/flowers/rows/", {"column": "length", "operator": ">", "value": "long"})
    assert response.status_code == 400
    assert "<code>length</code> has numbers" in response.text


def test_two_versions_are_compared(page, make_dataset):
    make_dataset()
    make_dataset(content=FLOWERS.replace("width", "breadth"), new_version=True)
    text = page.get("/catalog/flowers/compare/").text
    assert "Versions 1 and 2 of" in text
    assert "<code>width</code> → <code>breadth</code>" in text
    assert page.get("/catalog/flowers/compare/?from=3").status_code == 404


def test_the_comparison_names_models_that_would_not_fit(page, make_version, make_dataset):
    source = make_dataset()
    make_version(source)
    make_dataset(content=FLOWERS.replace("width", "breadth"), new_version=True)
    text = page.get("/catalog/flowers/compare/").text
    assert "1 model would not fit the new columns" in text
    assert "<code>width</code> is missing" in text
