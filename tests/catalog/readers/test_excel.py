"""Workbooks: the sheet with the table, its typed cells, what is around it, and sizes that memory cannot hold."""

import datetime
import io

import pytest

from catalog.readers import tables
from tests.catalog.readers.reading import assumptions, error_of, recipe_of, table, types, xlsx, zipped

ROWS = [["id", "city", "x"], *[[i, "Bergen", i + 0.5] for i in range(9)]]
ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:'
    'text:1.0"><office:body><office:spreadsheet><table:table table:name="data">{}</table:table></office:spreadsheet>'
    "</office:body></office:document-content>"
)


def ods(rows: str) -> bytes:
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": b"<manifest/>",
            "content.xml": ODS.format(rows).encode(),
        }
    )


def ods_row(*values, attributes=""):
    cells = "".join(
        f'<table:table-cell office:value-type="float" office:value="{value}"{attributes}/>'
        if isinstance(value, (int, float))
        else f'<table:table-cell office:value-type="string"{attributes}><text:p>{value}</text:p></table:table-cell>'
        for value in values
    )
    return f"<table:table-row>{cells}</table:table-row>"


def test_the_cells_of_a_sheet_are_read_with_their_types():
    day = datetime.date(2024, 1, 31)
    content = xlsx(
        data=[
            ["n", "x", "ok", "day", "code", "t"],
            [1, 1.5, True, day, "007", "a"],
            [2, None, False, day, "008", None],
        ]
    )
    assert types(content, "t.xlsx") == {
        "n": "integer", "x": "number", "ok": "boolean", "day": "date", "code": "text", "t": "text",
    }  # fmt: skip
    frame = table(content, "t.xlsx")
    assert frame["day"].dt.date.tolist() == [day, day]
    assert frame["code"].tolist() == ["007", "008"]
    assert frame["x"].isna().tolist() == [False, True]


def test_texts_that_are_numbers_are_read_as_in_csv():
    assert table(xlsx(data=[["x", "y"], ["1,5", "a"], ["2,5", "NA"]]), "t.xlsx")["x"].tolist() == [1.5, 2.5]


def test_the_first_visible_sheet_with_a_table_is_read_and_the_others_are_named():
    content = xlsx(cover=[["Report"]], data=ROWS, old=ROWS[:5])
    assert recipe_of(content).sheet == "data"
    assert "`data` is read, and `old` left out" in assumptions(content)["several_sheets"]


def test_a_sheet_can_be_chosen():
    content = xlsx(data=ROWS, old=ROWS[:5])
    chosen = tables.detect(io.BytesIO(content), "t", corrections=tables.Corrections(sheet="old"))
    assert (chosen.rows, chosen.recipe.sheet, chosen.findings) == (4, "old", ())
    with pytest.raises(Exception, match="no sheet `new`, but `data`, `old`"):
        tables.detect(io.BytesIO(content), "t", corrections=tables.Corrections(sheet="new"))


def test_titles_notes_and_blank_rows_and_columns_are_left_out_and_said():
    table_rows = [[None, *row] for row in ROWS]
    content = xlsx(
        data=[
            [],
            [None, None, "Sales 2024"],
            [],
            *table_rows[:4],
            [],
            *table_rows[4:],
            [],
            [None, "Source: me"],
        ]
    )
    assert table(content)["x"].tolist() == [i + 0.5 for i in range(9)]
    assert assumptions(content) == {
        "skipped_lines": "3 rows above the header skipped: `Sales 2024`.",
        "blank_lines": "Blank rows are skipped: row 8 is one.",
        "footer": "1 row below the table left out, from row 16 on: `Source: me`.",
    }


def test_a_sheet_without_a_header_and_a_row_of_totals_are_said():
    assert "no_header" in assumptions(xlsx(data=ROWS[1:]))
    assert assumptions(xlsx(data=[*ROWS, [None, "Total", 40.5]]))["total_row"].startswith(
        "Row 11 looks like a total"
    )


def test_a_total_in_a_column_of_numbers_is_left_out():
    content = xlsx(data=[["id", "x"], *([n, 4.5] for n in range(9)), ["Total", 40.5]])
    assert (len(table(content)), recipe_of(content).columns[0].type) == (9, "integer")


def test_findings_about_values_name_their_row():
    content = xlsx(data=[["city", "hp"], [], *[["Bergen", i] for i in range(30)], ["Porto", "?"]])
    assert "33" in assumptions(content)["odd_tokens"]


def test_a_whole_recipe_reads_a_sheet_as_before():
    content = xlsx(old=ROWS[:5], data=[["Sales"], *ROWS, ["Source: me"]])
    file = io.BytesIO(content)
    recipe = tables.detect(file, "t", corrections=tables.Corrections(sheet="data")).recipe
    again = tables.detect(file, "t", corrections=tables.Corrections.from_dict(recipe.to_dict())).recipe
    assert again == recipe
    assert sum(batch.num_rows for batch in tables.raw_batches(file, recipe)) == 9


def test_opendocument_sheets_are_read():
    cell = '<table:table-cell table:number-columns-repeated="16384"/>'
    empty = f'<table:table-row table:number-rows-repeated="1048000">{cell}</table:table-row>'
    content = ods(ods_row("city", "x") + ods_row("Bergen", 1.5) + ods_row("Porto", 2) + empty)
    assert table(content, "t.ods").to_dict("list") == {"city": ["Bergen", "Porto"], "x": [1.5, 2]}


@pytest.mark.parametrize(
    "content",
    [
        zipped(
            {
                "[Content_Types].xml": b"",
                "xl/worksheets/sheet1.xml": b'<c r="A1"><v>1</v></c>'
                + b" " * 2_000_000
                + b"<c r='XFD1048576'/>",
            }
        ),
        ods(
            ods_row(1, attributes=' table:number-columns-repeated="16000"').replace(
                "row>", 'row table:number-rows-repeated="1000">', 1
            )
            + ods_row(1)
        ),
    ],
    ids=["xlsx", "ods"],
)
def test_a_few_bytes_that_claim_a_huge_sheet_are_refused(content):
    code, sentence = error_of(content, "t.xlsx")
    assert code == "too_large"
    assert "Save the sheet as CSV." in sentence


@pytest.mark.parametrize(
    "content",
    [
        xlsx(data=ROWS)[:-60],
        b"\xd0\xcf\x11\xe0" + bytes(3000),
        zipped({"[Content_Types].xml": b"", "word/document.xml": b"<w/>"}),
        zipped({"[Content_Types].xml": b"", "xl/workbook.bin": b""}),
        xlsx(data=[]),
        xlsx(data=[["a", "b"]]),
    ],
    ids=["truncated", "old Office file", "docx", "xlsb", "empty", "header only"],
)
def test_what_is_no_table_in_a_workbook_is_refused(content):
    assert error_of(content, "t.xlsx")[0] in ("corrupt_file", "binary_file", "empty_file", "no_rows")
