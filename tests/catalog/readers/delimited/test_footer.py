"""What is below the table in delimited text: left out if it is a note, said if it looks like a total."""

import gzip
import io

import pytest

from catalog.readers import tables
from tests.catalog.readers.reading import assumptions, error_of, recipe_of, table

ROWS = "id,city,x\n" + "".join(f"{i},Bergen,{i}.5\n" for i in range(9))


@pytest.mark.parametrize(
    "below",
    [
        "\nSource: own survey\n",
        "Source: own survey\n",
        "* preliminary\n** revised\n",
        "\n\nNotes:\n1) in kg, without tara\n2) see example.org\n",
        "\n(9 rows affected)\n",
        "(9 rows)\n\n",
        ",,\nSource: own survey,,\n",
        "\nSource: Office, Oslo, 2024\n",
        "Data as of 3 March, provisional\n",
        ",,\n,,\n",
        "-- end of export",
        "\nQuelle: Amt",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_notes_below_a_table_are_left_out_and_said(below, end):
    content = (ROWS + below).replace("\n", end)
    frame = table(content)
    assert frame["id"].tolist() == list(range(9))
    assert frame["x"].tolist() == [i + 0.5 for i in range(9)]
    assert "below the table left out, from line 1" in assumptions(content)["footer"]


@pytest.mark.parametrize("row", ["9,Ber", "9", "9,Bergen,1,2\n", "Bergen\n"])
def test_a_last_line_that_can_be_a_damaged_row_is_refused(row):
    assert error_of(ROWS + row)[1].startswith("Line 11 has ")


def test_text_that_was_cut_off_is_refused():
    assert error_of("name,x\nNew York,1\nSan Jose,2\nLos Angeles Co")[0] == "ragged_line"


@pytest.mark.parametrize(
    "row", ["9,,\n", "9,Source: own survey,1\n", ",,1\n", '"","",""\n', "9,Total Plaza,1\n"]
)
def test_a_last_row_of_the_table_is_read(row):
    assert len(table(ROWS + row)) == 10
    assert assumptions(ROWS + row) == {}


def test_notes_and_blank_lines_all_over_a_column_are_values():
    assert len(table("remark,x\n\nNote: a,1\n\nSource: b,2\n\nNote: c,\n")) == 3


@pytest.mark.parametrize("row", ["Total,,40.5", "Grand total:,x,1", "Summe,,40.5"])
def test_a_row_of_totals_is_read_and_said(row):
    content = "city,n,x\n" + "Bergen,a,4.5\n" * 9 + row + "\n\nSource: own survey\n"
    assert len(table(content)) == 10
    label = row.partition(",")[0]
    assert assumptions(content)["total_row"] == (
        f"Line 11 looks like a total (`{label}`). It is read as a row; to leave it out, set `footer` to 3."
    )


@pytest.mark.parametrize("below", ["", "\nSource: own survey\n"])
def test_a_total_in_a_column_of_numbers_is_left_out_and_said(below):
    content = "id,city,x\n" + "".join(f"{n},Bergen,4\n" for n in range(9)) + "Total,,36\n" + below
    assert (len(table(content)), recipe_of(content).columns[0].type) == (9, "integer")
    sentence = assumptions(content)["total_row"]
    assert sentence.startswith("Line 11 is a total (`Total`, in a column of numbers): it is left out.")
    keep = tables.Corrections(footer=int(sentence.split()[-1].strip(".")))
    reading = tables.detect(io.BytesIO(content.encode()), "t.csv", corrections=keep)
    assert (reading.rows, reading.recipe.columns[0].type) == (10, "text")


def test_sums_without_a_label_are_said():
    content = "city,n,x\n" + "Bergen,2,4.5\n" * 9 + ",18,40.5\n"
    assert "its numbers are the sums" in assumptions(content)["total_row"]
    assert assumptions(content.replace("40.5", "41.5")) == {}


def test_a_footer_that_is_set_is_kept():
    content = ROWS + "Total,,40.5\n"
    for footer, rows in ((0, 10), (1, 9), (3, 7)):
        reading = tables.detect(
            io.BytesIO(content.encode()), "t.csv", corrections=tables.Corrections(footer=footer)
        )
        assert reading.rows == rows
        assert not {"footer", "total_row"} & {finding.code for finding in reading.findings}


def test_a_footer_is_found_below_many_rows_and_in_compressed_files():
    content = ROWS + "9,Porto,0.5\n" * 300_000 + "\nSource: own survey\n"
    for data in (content.encode(), gzip.compress(content.encode(), 1)):
        assert recipe_of(data).footer == 1
    assert assumptions(content)["footer"].endswith(
        "from line 300012 on: `Source: own survey`.".replace("300012", "300,012")
    )


def test_ctrl_z_at_the_end_is_left_out_and_said():
    assert len(table(ROWS + "\x1a")) == 9
    assert assumptions(ROWS + "\x1a")["end_mark"] == "The Ctrl-Z at the end of the file is left out."
