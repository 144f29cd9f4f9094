"""Words of text columns, and formats that a user sets."""

import io

import pytest

from catalog.readers import tables
from catalog.readers.corrections import Corrections
from tests.catalog.readers.reading import findings, recipe_of, table


def read(content, *columns):
    file = io.BytesIO(content.encode())
    reading = tables.detect(file, "t.csv", corrections=Corrections.from_dict({"columns": list(columns)}))
    return tables.read(file, reading.recipe), [
        finding.code for finding in reading.findings if finding.code != "one_column"
    ]


def test_na_among_country_codes_is_namibia_and_said():
    content = "country,y\nNO,1\nNA,2\nDE,3\nFR,4\n,5\n"
    assert table(content)["country"].isna().tolist() == [False, False, False, False, True]
    assert table(content)["country"][1] == "NA"
    assert [(finding.code, finding.line) for finding in findings(content)] == [("missing_word", 3)]


def test_na_among_other_words_is_missing_and_said():
    (finding,) = findings("garage,y\nbig,1\nNA,2\nsmall,3\nNA,4\n")
    assert (
        finding.sentence
        == "`NA` occurs 2 times in the text column `garage`, first on line 3: read as missing."
    )


def test_a_question_mark_among_words_is_kept_and_said():
    content = "work,y\nprivate,1\n?,2\nstate,3\n"
    assert table(content)["work"].tolist() == ["private", "?", "state"]
    assert [finding.code for finding in findings(content)] == ["missing_word"]


def test_spellings_of_one_word_are_kept_and_said():
    content = "city\n" + "Bergen\nbergen\nPorto\n" * 5
    (finding,) = findings(content)
    assert finding.sentence == (
        "`Bergen` and `bergen` in `city` differ only in upper and lower case or spaces: kept as different values."
    )
    assert set(table(content)["city"]) == {"Bergen", "bergen", "Porto"}


def test_empty_cells_of_text_need_no_words():
    assert findings("city,y\nBergen,1\n,2\nPorto,3\n") == ()


def test_the_texts_that_mean_missing_can_be_set_for_each_column():
    content = "a,b\nNA,NA\nx,y\n,z\n"
    frame, codes = read(content, {"name": "a", "format": {"missing": [""]}})
    assert frame["a"].tolist()[:2] == ["NA", "x"]
    assert frame["a"].isna().tolist() == [False, False, True]
    assert frame["b"].isna().tolist() == [True, False, False]
    assert codes == ["missing_word"]  # of b


@pytest.mark.parametrize(
    ("content", "correction", "values"),
    [
        ('v\n"1,204.5"\nerr\n', {"type": "number", "format": {"missing": ["err"]}}, [1204.5, None]),
        ("v\n5\n-9999\n", {"format": {"missing": ["", "-9999"]}}, [5, None]),
        ("v\n007\n012\n", {"type": "integer"}, [7, 12]),
        ("v\nyes\nyes\n", {"type": "boolean"}, [True, True]),
        ("v\n1\n0\n", {"type": "text"}, ["1", "0"]),
        ("v\n5 kg\n6 kg\n", {"type": "text"}, ["5 kg", "6 kg"]),
        ('v\n"1,204"\n', {"format": {"decimal": ","}}, [1.204]),
        ("v\n1.204\n", {"format": {"thousands": "."}}, [1204]),
    ],
)
def test_what_is_set_is_read_so_and_no_longer_asked(content, correction, values):
    frame, codes = read(content, {"name": "v", **correction})
    assert frame["v"].astype(object).where(frame["v"].notna(), None).tolist() == values
    assert codes == []


def test_a_recipe_keeps_the_order_of_dates_that_is_set():
    frame, codes = read("d\n01/02/2024\n", {"name": "d", "format": {"date": ["%m/%d/%Y"]}})
    assert (str(frame["d"][0].date()), codes) == ("2024-01-02", [])
    assert recipe_of("d\n01/02/2024\n").columns[0].format.date == ("%d/%m/%Y",)
