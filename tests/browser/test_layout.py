"""Layout and accessibility of every page: no horizontal overflow, labelled controls, sufficient contrast."""

import re
import urllib.request

PATHS = [
    "/", "/catalog/", "/catalog/?q=nothing", "/catalog/upload/", "/catalog/garden/", "/catalog/rare/delete/",
    "/registry/train/?dataset=garden&target=species", "/registry/jobs/", "/registry/jobs/1/", "/registry/models/",
    "/registry/models/garden/1/", "/registry/models/houses/1/", "/registry/models/garden/2/delete/",
    "/serving/", "/serving/garden/dev/", "/serving/garden/staging/", "/accounts/tokens/", "/catalog/nothing/",
]  # fmt: skip

UNLABELLED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a')]
  .filter((control) => control.checkVisibility())
  .filter((control) => !(control.labels?.length || control.getAttribute('aria-label')
    || control.getAttribute('aria-labelledby') || control.textContent.trim()))
  .map((control) => control.outerHTML)"""

# The contrast of every visible text with its background, by the formula of WCAG 2.
LOW_CONTRAST = """() => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba(getComputedStyle(document.body).backgroundColor);
  };
  const results = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest('[aria-disabled=true], .sr-only, .skip, script, option')) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) results.push(`${ratio.toFixed(2)} ${element.className} ${walker.currentNode.textContent.trim()}`);
  }
  return results;
}"""


WIDTHS = (1600, 1280, 1024, 768, 640, 390)


def test_every_page_fits_its_viewport_and_is_accessible(visit, filled):
    page = visit()
    faults = []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    for path in PATHS:
        page.goto(path)
        page_faults = [] if page.locator("h1").count() == 1 else ["not one h1"]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            page_faults += [f"{wide} px too wide at {width}"] if wide > 0 else []
        page.evaluate(
            "document.querySelectorAll('details:not(.menu)').forEach((fold) => { fold.open = true; })"
        )
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        page_faults += [f"{wide} px too wide with all details open"] if wide > 0 else []
        page_faults += [f"unlabelled: {control}" for control in page.evaluate(UNLABELLED)]
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            page_faults += [f"contrast, {scheme}: {text}" for text in page.evaluate(LOW_CONTRAST)]
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
        page_faults += [f"duplicate id: {name}" for name in set(ids) if ids.count(name) > 1]
        faults += [f"{path}: {fault}" for fault in page_faults]
    assert not faults, "\n".join(faults)


def test_no_page_has_inline_scripts_or_styles(visit, filled):
    """So that a Content-Security-Policy can forbid both."""
    page = visit()
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    for path in PATHS[:-1]:
        request = urllib.request.Request(filled.url + path, headers={"Cookie": cookies})
        with urllib.request.urlopen(request, timeout=20) as response:
            text = response.read().decode()
        assert not re.search(r"<[^>]+\s(?:style|on\w+)=|<style|<script(?![^>]*\ssrc=)|javascript:", text), (
            path
        )
