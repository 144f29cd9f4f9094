"""The page of the API: its examples run with a new token and with a session, and axe finds nothing serious.

Also in calls that are open, with their forms and a response.
"""

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page, expect

from tests.browser.test_layout import AXE, AXE_RUNS
from tests.servers.platform import PASSWORD


def execute(page: Page, operation: str) -> None:
    """Send the example of a call, and expect 2xx."""
    call = page.locator(f"[id$={operation}]")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table .response-col_status").last).to_contain_text("20")


def test_a_visitor_signs_in_on_the_page_and_runs_a_call(chrome, platform):
    page = chrome.new_context(base_url=platform.url, viewport={"width": 390, "height": 844}).new_page()
    page.goto("/docs")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_text("Incorrect username or password.")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_text("Signed in as admin.")).to_be_visible()
    execute(page, "list_datasets")


def test_the_examples_run_with_a_session(visit):
    page = visit()
    page.goto("/docs")
    execute(page, "-train")
    execute(page, "-predict")


def test_the_page_has_no_serious_fault_of_accessibility(visit):
    page = visit()
    page.add_init_script(path=AXE_FILE_PATH)
    faults = []
    page.goto("/docs")
    page.locator(".opblock").last.wait_for()
    # With their forms: of JSON and of a file. The example of an uploaded dataset has a span for each of 1,700 tokens.
    for operation in ("-train", "predict_file"):
        page.locator(f"[id$={operation}] .opblock-summary-control").click()
    execute(page, "list_datasets")
    for width, scheme in AXE_RUNS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        page.evaluate(
            "document.getAnimations().forEach((change) => change.finish())"
        )  # of the colours of buttons
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        faults += [f"{width} px, {scheme}: {fault}" for fault in page.evaluate(AXE)]
    assert [fault for fault in faults if ": minor " not in fault] == []  # Swagger UI has a second <main>
