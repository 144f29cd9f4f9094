"""Dates as people and programs write them."""

import pandas as pd
import pytest

from tests.catalog.readers.reading import findings, table, types

READ = {
    "day first": ("03/01/2024\n26/01/2024\n", ["2024-01-03", "2024-01-26"]),
    "month first": ("01/03/2024\n01/26/2024\n", ["2024-01-03", "2024-01-26"]),
    "German": ("3.1.2024\n26.01.2024\n", ["2024-01-03", "2024-01-26"]),
    "Oracle": ("03-JAN-24\n26-JAN-99\n", ["2024-01-03", "1999-01-26"]),
    "month name with a comma": ('"January 03, 2024"\n"Feb 1, 2024"\n', ["2024-01-03", "2024-02-01"]),
    "long German": ("3. Januar 2024\n26. März 2024\n", ["2024-01-03", "2024-03-26"]),
    "French": ("3 févr. 2024\n26 août 2024\n", ["2024-02-03", "2024-08-26"]),
    "Spanish": ("3 de enero de 2024\n26 de agosto de 2024\n", ["2024-01-03", "2024-08-26"]),
    "AM and PM": ("1/3/2024 11:05:00 PM\n1/26/2024 12:05 AM\n", ["2024-01-03 23:05", "2024-01-26 00:05"]),
    "ISO with slashes": ("2024/01/03\n2024/1/26\n", ["2024-01-03", "2024-01-26"]),
    "unpadded ISO": ("2024-1-3\n2024-01-26\n", ["2024-01-03", "2024-01-26"]),
    "fractions and zones": (
        "2024-01-03 08:00:00.123+0100\n2024-01-26T08:00:00Z\n", ["2024-01-03 07:00:00.123", "2024-01-26 08:00"]
    ),
    "log4j": ('"2024-01-03 08:00:00,123"\n', ["2024-01-03 08:00:00.123"]),
    "Apache": ("03/Jan/2024:10:00:00 +0100\n", ["2024-01-03 09:00"]),
    "mail": ('"Wed, 03 Jan 2024 10:00:00 GMT"\n', ["2024-01-03 10:00"]),
    "ctime": ("Wed Jan  3 10:00:00 2024\n", ["2024-01-03 10:00"]),
    "SAS": ("12JAN2024:10:00:00\n12JAN2024\n", ["2024-01-12 10:00", "2024-01-12"]),
    "ordinals": ("3rd January 2024\n21st May 2024\n", ["2024-01-03", "2024-05-21"]),
    "ISO weeks": ("2024-W01\n2020-W53\n", ["2024-01-01", "2020-12-28"]),
    "months": ("2024-01\n2024-12\n", ["2024-01-01", "2024-12-01"]),
    "Japanese": ("2024年1月3日\n", ["2024-01-03"]),
    "with and without a time": ("26/01/2024\n27/01/2024 10:30\n", ["2024-01-26", "2024-01-27 10:30"]),
    "MySQL's zero": ("2024-01-03\n0000-00-00\n", ["2024-01-03", None]),
}  # fmt: skip
TEXT = [
    "26/01/2024\n01/26/2024\n", "31/02/2024\n30/02/2024\n", "2024-W60\n", "192.168.1.1\n10.0.0.1\n", "1.2.3\n",
    "Jan-24\nFeb-24\n", "12:30\n13:45\n", "2024-01-03 10:00 CET\n", "Q1 2024\n", "9912-01\n",
]  # fmt: skip


@pytest.mark.parametrize(("rows", "values"), READ.values(), ids=READ)
def test_dates_are_read(rows, values):
    frame = table(f"x\n{rows}")
    assert frame["x"].tolist() == [pd.Timestamp(value) if value else pd.NaT for value in values]


@pytest.mark.parametrize("rows", TEXT)
def test_what_is_no_date_stays_text(rows):
    assert types(f"x\n{rows}") == {"x": "text"}


def test_a_date_that_only_one_order_allows_decides_the_whole_column_and_is_named():
    (finding,) = findings("x\n03/01/2024\n26/01/2024\n")
    assert (finding.code, finding.line) == ("date_order", 3)
    assert finding.sentence == (
        "The dates of `x` are read as day/month/year: `26/01/2024` on line 3 allows nothing else."
    )


def test_an_ambiguous_order_is_assumed_and_said():
    (finding,) = findings("x\n03/01/2024\n04/05/2024\n")
    assert finding.code == "ambiguous_dates"
    assert finding.sentence == (
        "The dates of `x`, such as `03/01/2024` on line 2, are ambiguous: day/month/year, assumed."
    )


def test_an_ambiguous_order_is_that_of_another_column():
    content = "x,y\n03/01/2024,01/26/2024\n04/05/2024,02/27/2024\n"
    assert table(content)["x"].tolist() == [pd.Timestamp("2024-03-01"), pd.Timestamp("2024-04-05")]
    assert {finding.code for finding in findings(content)} == {"date_order"}


def test_dates_in_both_orders_stay_text_and_are_said():
    (finding,) = findings("x\n26/01/2024\n01/26/2024\n")
    assert (finding.code, finding.line) == ("mixed_dates", 3)


def test_a_word_among_dates_is_named():
    content = "x\n" + "26/01/2024\n" * 10 + "soon\n"
    (finding,) = findings(content)
    assert (finding.code, finding.line) == ("nearly_date", 12)
    assert types(content) == {"x": "text"}
