"""The form to try a model starts from a row of its table, and shows the actual value beside the prediction."""

import pytest

from serving import example_rows
from tests.conftest import FLOWERS

ROWS = [line.split(",") for line in FLOWERS.splitlines()[1:]]
STAGE, VERSION = "/serving/flowers/dev/", "/serving/flowers/versions/1/"


def inputs(number: int) -> dict[str, str]:
    return {f"input-{place}": value for place, value in enumerate(ROWS[number - 1][:3])}


@pytest.mark.parametrize("path", [STAGE, VERSION])
def test_the_form_starts_from_a_row_and_offers_another(page, make_version, path):
    make_version()
    for query, number in (("", 1), ("?row=5", 5)):
        response = page.get(path + query)
        form = response.context["form"]
        assert [str(form[name].value() or "") for name in inputs(number)] == [
            str(float(value)) if name != "input-2" and name != "input-0" else value
            for name, value in inputs(number).items()
        ]
        assert f"Row {number} of the" in response.text
        assert f'href="{path}?row={response.context["another"]}"' in response.text


def test_a_row_is_predicted_by_its_number(page, make_version):
    make_version()
    text = page.get(STAGE).text
    assert f'<form id="row-form" method="post" action="{STAGE}#answer"' in text
    assert 'form="row-form" name="number" type="number" min="1" max="24"' in text
    text = page.post(STAGE, {"number": 4}).text
    assert f'Actual value of row 4: <strong class="mono">{ROWS[3][3]}</strong>' in text
    assert f'action="{STAGE}?row=4#answer"' in text
    assert page.post(STAGE, {"number": 99}).status_code == 404


def test_another_row_is_never_the_same_and_always_one_of_the_table(make_version):
    version = make_version()
    row = example_rows.numbered(version, 24)
    numbers = {example_rows.another(version, row) for _ in range(300)}
    assert numbers <= set(range(1, 24))
    assert len(numbers) > 15


def test_the_prediction_of_an_unchanged_row_stands_beside_its_actual_class(page, make_version):
    make_version()
    text = page.post(f"{STAGE}?row=4", inputs(4)).text
    assert f'Actual value of row 4: <strong class="mono">{ROWS[3][3]}</strong>' in text
    assert "correct" in text
    changed = page.post(f"{STAGE}?row=4", inputs(4) | {"input-1": "1.55"}).text
    assert "The row was changed, so its actual value" in changed
    assert "Actual value of row 4" not in changed


def test_the_prediction_of_a_number_has_its_error(page, make_version, make_dataset):
    source = make_dataset("houses", "rooms,price\n" + "".join(f"{1 + i % 5},{i}.5\n" for i in range(30)))
    make_version(source, module="linear_model", class_name="LinearRegression")
    response = page.post("/serving/houses/dev/?row=2", {"input-0": "2"})
    assert response.context["error"] == pytest.approx(response.context["prediction"] - 1.5)
    assert "(error " in response.text


def test_the_actual_class_of_booleans_is_the_word_of_the_file(page, make_version, make_dataset):
    rows = "".join(f"{1 + i % 5},{'Yes' if i % 5 > 2 else 'No'}\n" for i in range(30))
    make_version(make_dataset("houses", f"rooms,sold\n{rows}"))
    response = page.post("/serving/houses/dev/?row=5", {"input-0": "5"})
    assert response.context["prediction"] == response.context["example"].actual == "Yes"
    assert response.context["is_correct"]


def test_a_clusterer_has_no_actual_value(page, make_version):
    make_version(module="cluster", class_name="KMeans", target="species", features=["length", "width"])
    text = page.post(f"{STAGE}?row=2", {"input-0": "10", "input-1": "1.6"}).text
    assert "predicted by version 1" in text
    assert "ctual value" not in text


@pytest.mark.parametrize(
    ("row", "status"), [("0", 404), ("25", 404), ("-1", 400), ("x", 400), ("9" * 30, 400)]
)
def test_a_row_that_the_table_does_not_have_is_a_sentence(page, make_version, row, status):
    make_version()
    assert page.get(f"{STAGE}?row={row}").status_code == status


def test_a_category_that_only_test_rows_have_can_be_tried(page, make_version):
    version = make_version()
    version.signature["inputs"][2]["categories"] = ["blue"]
    version.save()
    form = page.get(f"{STAGE}?row=1").context["form"]
    assert form["input-2"].value() == "red"
    assert ("red", "red") in form.fields["input-2"].choices


def test_while_the_object_store_fails_the_form_has_the_example_of_the_signature(
    page, make_version, broken_storage, settings
):
    version = make_version()
    with broken_storage(settings.DATASETS_BUCKET):
        response = page.get(STAGE)
    assert response.status_code == 200
    assert response.context["form"]["input-0"].value() == version.signature["example"]["length"]
    assert "Another row" not in response.text


def test_htmx_gets_the_form_with_another_row_only(page, make_version):
    make_version()
    response = page.get(f"{STAGE}?row=3", headers={"HX-Request": "true"})
    assert "<html" not in response.text
    assert "Row 3 of the" in response.text
