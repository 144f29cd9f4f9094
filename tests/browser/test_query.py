"""A query in the browser: the preview as it is typed, its errors, its run, and the pages that it leads to."""

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import expect

from tests.browser.test_layout import AXE, AXE_RUNS

GROUPS = "SELECT colour, count(*) AS n FROM asked GROUP BY colour ORDER BY n DESC"


def faults_of(page) -> list[str]:
    """Too wide, or not accessible."""
    faults = []
    for width, scheme in AXE_RUNS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        faults += [f"{width} px, {scheme}: {fault}" for fault in page.evaluate(AXE)]
    return faults


@pytest.fixture
def asked(visit, platform):
    """The page of a new query."""
    platform.upload("asked", "colour,size\nred,1\nred,2\nblue,3\n")
    page = visit()
    page.add_init_script(path=AXE_FILE_PATH)
    page.goto("/catalog/derive/")
    return page


def test_a_query_is_previewed_as_it_is_typed_and_its_result_is_a_dataset(asked):
    query = asked.get_by_label("Query", exact=True).and_(asked.locator("textarea"))
    query.fill(GROUPS.replace("colour,", "color,"))
    expect(asked.get_by_text("Line 1: no column is named color. Did you mean colour?")).to_be_visible()
    assert faults_of(asked) == []
    query.fill(GROUPS)
    expect(asked.get_by_role("heading", name="First 2 rows")).to_be_visible()
    expect(
        asked.get_by_role("region", name="Preview of the result").locator("tbody tr").first
    ).to_contain_text("red")
    assert faults_of(asked) == []
    asked.get_by_label("Name").fill("colours")
    asked.get_by_label("Name").press("Enter")  # which runs it, as the button does
    asked.get_by_role("link", name="Open dataset").click()
    expect(asked.get_by_role("heading", name="Query")).to_be_visible()
    assert faults_of(asked) == []
    asked.get_by_role("link", name="asked version 1").click()
    expect(asked.get_by_role("link", name="colours")).to_be_visible()


def test_a_query_works_without_javascript(visit, platform):
    platform.upload("asked", "colour,size\nred,1\nred,2\nblue,3\n")
    page = visit(java_script_enabled=False)
    page.goto("/catalog/derive/?dataset=asked")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="First 3 rows")).to_be_visible()
    expect(page.locator("#id_sql")).to_have_value("SELECT *\nFROM asked\nLIMIT 100")
