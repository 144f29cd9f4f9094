"""Plain sentences from scikit-learn's docstrings (numpydoc sections, reStructuredText markup)."""

import inspect
import re

SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}$|\Z)", re.M | re.S)
ENTRY = re.compile(r"^(\w[\w, ]*?) ?:[^\n]*\n((?:[ \t]+[^\n]*\n|\n)*)", re.M)
EMPHASIS = re.compile(r"\*{1,2}(\w[^*]*?)\*{1,2}")
CITATION = re.compile(r" ?\[\w+\]_")
DIRECTIVE = re.compile(r"^\.\. [\w-]+::[^\n]*\n?(?:[ \t]+[^\n]*(?:\n|$)|\n)*", re.M)
ROLE = re.compile(r":[\w:]+:`[~!]?([^`<]*?)(?:\s*<[^`]*>)?`")
QUOTED = re.compile(r"`+([^`<]*?)(?:\s*<[^`]*>)?`+_*")


def parameters(cls: type) -> dict[str, str]:
    """The first sentence about each parameter of `cls`; those without a description are absent."""
    section = SECTION.search((inspect.getdoc(cls) or "") + "\n")
    sentences = {}
    for names, text in ENTRY.findall(section[1] if section else ""):
        sentences.update({name.strip(): first_sentence(inspect.cleandoc(text)) for name in names.split(",")})
    return sentences


def summary(cls: type) -> str:
    """The first sentence of the description of `cls`."""
    text = inspect.getdoc(cls) or ""
    return first_sentence(re.sub(r"\ADEPRECATED:.*?\n\s*\n", "", text, flags=re.S))


def first_sentence(text: str) -> str:
    """The first sentence of `text`, without markup, directives and lists, with a full stop."""
    paragraph = re.split(r"\n\s*\n|\n\s*[-*] ", DIRECTIVE.sub("", text).strip())[0]
    paragraph = ROLE.sub(lambda match: match[1].rsplit(".", 1)[-1], " ".join(paragraph.split()))
    paragraph = EMPHASIS.sub(r"\1", CITATION.sub("", QUOTED.sub(r"\1", paragraph)))
    paragraph = paragraph.replace("`", "").rstrip(": ")  # some are never closed
    sentence = re.split(r"(?<=[.!?]) (?=[A-Z\"'(])", paragraph)[0]
    return sentence if not sentence or sentence[-1] in ".!?" else sentence + "."
