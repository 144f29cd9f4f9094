import pytest

from mlplatform.metadata.markdown import first_line, to_html


def test_a_description_is_rendered_as_markdown_with_headings_below_those_of_the_page():
    html = to_html("# Source\n\nThe *first* table, see https://example.org/a?b=1.\n\n- one\n- two")
    assert "<h3>Source</h3>" in html
    assert "<em>first</em>" in html
    assert '<a href="https://example.org/a?b=1" rel="nofollow noopener">' in html
    assert "<li>two</li>" in html


def test_the_levels_of_headings_have_no_gaps():
    html = to_html("## Source\n\n#### Details\n\n## Use")
    assert html.split() == ["<h3>Source</h3>", "<h4>Details</h4>", "<h3>Use</h3>"]
    assert to_html("###### Deep").startswith("<h3>Deep</h3>")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "a <b onclick=x>b</b>",
        "<!-- -->",
        "&lt;b>",
    ],
)
def test_raw_html_is_shown_as_text(text):
    html = to_html(text)
    assert html.count("<") == html.count("<p>") * 2  # and </p>
    assert html.startswith("<p>")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScript:x",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc",
        "ftp://x",
        "//x",
        "/a",
    ],
)
def test_a_link_leads_to_http_https_and_mailto_only(url):
    for text in (f"[a]({url})", f"<{url}>", f"![a]({url})", f"[a]\n\n[a]: {url}", url):
        assert "href" not in to_html(text)
    for url in ("http://a.b", "https://a.b", "mailto:a@b.c"):
        assert f'<a href="{url}" rel="nofollow noopener">' in to_html(f"[a]({url})")


def test_a_file_name_is_not_a_web_site():
    assert "href" not in to_html("Made by train.py, ask ada@example.org, see example.org.")


def test_an_image_is_a_link_since_nothing_is_loaded_from_elsewhere():
    html = to_html('![Plot "1"](https://a.b/1.png) [![logo](https://a.b/2.png)](https://a.b)')
    assert '<a href="https://a.b/1.png" rel="nofollow noopener">Plot &quot;1&quot;</a>' in html
    assert '<a href="https://a.b" rel="nofollow noopener">logo</a>' in html
    assert "<img" not in html


def test_the_cells_of_a_table_are_aligned_without_styles():
    html = to_html("|a|b|\n|:-|-:|\n|x|1|")
    assert '<td class="num">1</td>' in html
    assert "style" not in html


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("\n\n# The **iris** table\n\nMore.", "The iris table"),
        ("See [the source](https://a.b) and `species`.\nSecond line.", "See the source and species."),
        ("- one\n- two", "one"),
        ("![plot](https://a.b)", "plot"),
        ("<b>&amp;", "<b>&"),
        ("---\n", ""),
    ],
)
def test_the_first_line_is_plain_text(text, line):
    assert first_line(text) == line
