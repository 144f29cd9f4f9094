"""Rules that hold for every page."""

import re

import pytest

from tests.conftest import LONELY


@pytest.fixture
def texts_with_backticks(make_dataset, make_job):
    """A failed and a successful training whose texts name columns and values in backticks."""
    source = make_dataset("lonely", LONELY, description="Kinds by `x`")
    assert "`" in make_job(source, target="kind", description="a `try`").error
    make_job(make_dataset(description="`species` of flowers"), target="species", description="another `try`")


PATHS = [
    "/", "/catalog/", "/catalog/lonely/", "/registry/jobs/", "/registry/jobs/1/", "/registry/jobs/2/",
    "/registry/models/", "/registry/models/flowers/1/", "/registry/train/?job=2", "/serving/flowers/dev/",
    "/catalog/upload/", "/catalog/unknown/",
]  # fmt: skip


def test_no_page_shows_a_backtick(page, texts_with_backticks):
    for path in PATHS:
        html = page.get(path, headers={"Accept": "text/html"}).text
        shown = re.sub(r"<textarea.*?</textarea>|<pre.*?</pre>", "", html, flags=re.S)  # input, and code
        assert "`" not in shown, path
