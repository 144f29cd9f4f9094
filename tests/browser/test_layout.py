"""Layout and accessibility of every page: no horizontal overflow, no violation that axe finds, print."""

import re
import urllib.request

from axe_playwright_python.base import AXE_FILE_PATH

PATHS = [
    "/", "/catalog/", "/catalog/?q=nothing", "/catalog/upload/", "/catalog/garden/", "/catalog/garden/edit/",
    "/catalog/derive/?dataset=garden",
    "/catalog/register/",
    "/search/", "/search/?q=garden", "/search/?q=garden&kind=job", "/catalog/rare/delete/",
    "/registry/train/?dataset=garden&target=species", "/registry/jobs/", "/registry/jobs/1/", "/registry/models/",
    "/registry/models/garden/1/", "/registry/models/houses/1/", "/registry/models/garden/2/delete/",
    "/registry/models/garden/1/fairness/", "/registry/models/import/?dataset=garden&target=species",
    "/registry/train/?dataset=garden&algorithm=KMeans", "/serving/", "/serving/garden/dev/", "/serving/garden/staging/",
    "/serving/garden/versions/1/", "/serving/garden/dev/retire/", "/serving/garden/dev/rollback/?to_version=1",
    "/registry/models/garden/2/promote/?stage=production", "/serving/jobs/", "/registry/releases/?dataset=garden",
    "/registry/models/garden/1/card/", "/registry/models/garden/1/card/edit/",
    "/registry/models/compare/?model=garden/1&model=garden/2", "/registry/groups/",
    "/registry/models/?dataset=garden&target=species", "/registry/models/tag-selected/?model=garden/1&model=garden/2",
    "/registry/models/delete-selected/?model=garden/1&model=garden/2",
    "/accounts/tokens/", "/catalog/nothing/",
]  # fmt: skip

AXE = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .map((violation) => `${violation.impact} ${violation.id}: ${violation.nodes.map((node) => node.html).slice(0, 3)}`)"""
# Widths change the layout and themes the colours, so each is checked once.
AXE_RUNS = ((390, "light"), (1280, "dark"))

BEYOND_THE_EDGE = """() => [...document.querySelectorAll('.table.rows td')]
  .filter((cell) => cell.getBoundingClientRect().right > innerWidth).map((cell) => cell.textContent.trim())"""
# The train form is what its page shows, the form of a selection has the list, and that of a release what it changes.
FOR_PRINT = (
    "form:not(#train-form, .selection, .decision):visible, button:visible, .button:visible, nav:visible"
)

WIDTHS = (1600, 1280, 1024, 768, 640, 390)


def test_every_page_fits_its_viewport_and_is_accessible(visit, filled):
    page = visit()
    page.add_init_script(path=AXE_FILE_PATH)
    faults = []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    for path in PATHS:
        page.emulate_media(color_scheme="light")
        page.goto(path)
        page_faults = [] if page.locator("h1").count() == 1 else ["not one h1"]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            page_faults += [f"{wide} px too wide at {width}"] if wide > 0 else []
            page_faults += [] if page.get_by_role("searchbox").is_visible() else [f"no search at {width}"]
        page_faults += [f"not visible at 390: {text}" for text in page.evaluate(BEYOND_THE_EDGE)]
        page.evaluate(
            "document.querySelectorAll('details:not(.menu)').forEach((fold) => { fold.open = true; })"
        )
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        page_faults += [f"{wide} px too wide with all details open"] if wide > 0 else []
        for width, scheme in AXE_RUNS:
            page.set_viewport_size({"width": width, "height": 844})
            page.emulate_media(color_scheme=scheme)
            page_faults += [f"{width} px, {scheme}: {fault}" for fault in page.evaluate(AXE)]
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
        page_faults += [f"duplicate id: {name}" for name in set(ids) if ids.count(name) > 1]
        page.emulate_media(media="print")
        printed = page.locator(FOR_PRINT).all()
        page_faults += [f"printed: {element.inner_text()}" for element in printed]
        page.emulate_media(media="screen")
        faults += [f"{path}: {fault}" for fault in page_faults]
    assert not faults, "\n".join(faults)


def test_no_page_has_inline_scripts_or_styles(visit, filled):
    """So that a Content-Security-Policy can forbid both."""
    page = visit()
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    for path in PATHS[:-1]:
        request = urllib.request.Request(filled.url + path, headers={"Cookie": cookies})
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read().decode()
        assert not re.search(r"<[^>]+\s(?:style|on\w+)=|<style|<script(?![^>]*\ssrc=)|javascript:", text), (
            path
        )


def test_the_admin_works_under_the_content_security_policy(visit, filled):
    """The fixture fails for a violation of it."""
    page = visit()
    for path in (
        "/admin/",
        "/admin/auth/user/",
        "/admin/auth/user/1/change/",
        "/admin/catalog/dataset/",
    ):
        assert page.goto(path).ok, path
