"""Descriptions in Markdown: CommonMark with tables, without anything that runs or is loaded from elsewhere."""

import functools
import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

FIRST_HEADING = 3  # the page has h1, the section with the description h2
BEGINNING = 500  # characters in which a first line is looked for
LINK = re.compile(r"(https?://|mailto:)", re.IGNORECASE)


@functools.lru_cache(maxsize=128)  # a description of 10,000 brackets takes two seconds
def to_html(text: str) -> SafeString:
    """The description as HTML. Raw HTML is shown as text; links lead to http, https and mailto addresses only."""
    parser, env = _parser(linkify=True), {}
    tokens = parser.parse(text, env)
    # The levels that it uses, whatever they are: without gaps, for those who read by headings.
    env["headings"] = sorted({token.tag for token in tokens if token.type == "heading_open"})
    return mark_safe(parser.renderer.render(tokens, parser.options, env))  # noqa: S308 - raw HTML is disabled


@functools.lru_cache(maxsize=1024)
def _first_line(beginning: str) -> str:
    tokens = _parser(linkify=False).parse(beginning)  # which is five times as fast
    block = next((token for token in tokens if token.type == "inline"), None)
    parts = []
    for token in block.children if block else ():
        if token.type in {"softbreak", "hardbreak"}:
            break
        parts.append(token.content)  # empty for the beginning and the end of emphasis and links
    return "".join(parts).strip()


def first_line(text: str) -> str:
    """The first line of a description as plain text, for lists."""
    return _first_line(text[:BEGINNING])


@functools.cache
def _parser(*, linkify: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": linkify})
    parser.enable(["linkify", "strikethrough", "table"])
    # Only complete addresses: `train.py` and `host.id` are not web sites.
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False})
    parser.validateLink = lambda url: LINK.match(url) is not None
    for name, rule in RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _heading(renderer, tokens, index, options, env) -> str:
    token = tokens[index]
    token.tag = f"h{min(FIRST_HEADING + env['headings'].index(token.tag), 6)}"
    return renderer.renderToken(tokens, index, options, env)


def _cell(renderer, tokens, index, options, env) -> str:
    """Aligned by a class: the Content-Security-Policy forbids styles in HTML."""
    token = tokens[index]
    if token.attrs.pop("style", None) == "text-align:right":
        token.attrSet("class", "num")
    return renderer.renderToken(tokens, index, options, env)


def _link(renderer, tokens, index, options, env) -> str:
    token = tokens[index]
    env["in_link"] = token.nesting == 1
    if token.nesting == 1:
        token.attrSet("rel", "nofollow noopener")
    return renderer.renderToken(tokens, index, options, env)


def _image(renderer, tokens, index, options, env) -> str:
    """A link to the image: the Content-Security-Policy loads nothing from elsewhere."""
    token = tokens[index]
    text, url = escape(token.content or token.attrs["src"]), escape(token.attrs["src"])
    return text if env.get("in_link") else f'<a href="{url}" rel="nofollow noopener">{text}</a>'


RULES = {
    "heading_open": _heading,
    "heading_close": _heading,
    "th_open": _cell,
    "td_open": _cell,
    "link_open": _link,
    "link_close": _link,
    "image": _image,
}
