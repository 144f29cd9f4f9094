"""A file that was read wrongly is corrected on its receipt, by mouse and by keyboard."""

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import expect

from tests.browser.test_layout import AXE, AXE_RUNS

# An export of a German Excel. Nothing in it says that 1.234 is more than a thousand, or that the 4th month is April.
EXPORT = "Umsätze\r\nOrt;Umsatz;Datum\r\n" + "".join(
    f"Köln;{1 + row}.{200 + row};0{1 + row}/04/2024\r\n" for row in range(9)
)


@pytest.fixture
def receipt(visit):
    """The receipt page of the export, which was uploaded with the keyboard."""
    page = visit()
    page.add_init_script(path=AXE_FILE_PATH)
    page.goto("/catalog/upload/")
    file = {"name": "Umsatz 2024.csv", "mimeType": "text/csv", "buffer": EXPORT.encode("cp1252")}
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload").press("Enter")
    expect(page.get_by_text("9 rows and 3 columns.")).to_be_visible()
    return page


def expect_first_row(page, *cells: str) -> None:
    expect(page.locator("#rows-as-read tbody tr").first.locator("td")).to_have_text(list(cells))


def test_an_export_is_corrected_by_mouse(receipt):
    receipt.get_by_label("Numbers of Umsatz").select_option("1.234,5")
    expect_first_row(receipt, "Köln", "1200", "2024-04-01")
    receipt.get_by_role("group", name="Read Datum as").get_by_role("button", name="Month first").click()
    expect_first_row(receipt, "Köln", "1200", "2024-01-04")
    receipt.get_by_label("Name of Ort").fill("city")
    receipt.get_by_role("button", name="Add to the catalog").click()
    expect(receipt.get_by_role("heading", level=1)).to_have_text("umsatz_2024")
    expect(receipt.get_by_text("Version 1 of umsatz_2024 was added.")).to_be_visible()
    receipt.get_by_role("button", name="Read differently").click()
    expect(receipt.get_by_label("Name of city")).to_have_value("city")


def test_an_export_is_corrected_by_keyboard_and_the_focus_stays(receipt):
    keyboard, focused = receipt.keyboard, receipt.locator(":focus")
    receipt.get_by_label("Name of Umsatz").focus()
    keyboard.press("Tab")
    expect(focused).to_have_accessible_name("Type of Umsatz")
    keyboard.press("Tab")
    expect(focused).to_have_accessible_name("Numbers of Umsatz")
    keyboard.type("1.234,5")
    expect_first_row(receipt, "Köln", "1200", "2024-04-01")
    expect(focused).to_have_accessible_name("Numbers of Umsatz")
    receipt.get_by_label("Name of Ort").select_text()
    keyboard.type("city")
    keyboard.press("Enter")
    expect(receipt.locator("#rows-as-read th").first).to_contain_text("city")
    expect(focused).to_have_value("city")
    receipt.get_by_label("Type of Umsatz").focus()
    keyboard.type("Date")
    expect(receipt.get_by_text("is not a date").first).to_be_visible()
    expect(focused).to_have_accessible_name("Type of Umsatz")
    keyboard.type("Number")
    expect(receipt.get_by_text("is not a date")).to_have_count(0)
    expect_first_row(receipt, "Köln", "1200", "2024-04-01")
    receipt.locator("#id_name").fill("by_keyboard")
    receipt.get_by_role("button", name="Add to the catalog").press("Enter")
    expect(receipt.get_by_text("was added.")).to_be_visible()


def test_the_receipt_has_no_serious_fault_of_accessibility(receipt):
    faults = []
    for width, scheme in AXE_RUNS:
        receipt.set_viewport_size({"width": width, "height": 844})
        receipt.emulate_media(color_scheme=scheme)
        assert receipt.evaluate("document.documentElement.scrollWidth") <= width
        faults += [f"{width} px, {scheme}: {fault}" for fault in receipt.evaluate(AXE)]
    assert faults == []
