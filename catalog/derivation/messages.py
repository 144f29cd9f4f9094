"""What DuckDB says of a query, as sentences for the field `sql`."""

import difflib
import logging
import re

from django.core.exceptions import ValidationError

from mlplatform.errors import NotReady, TooLarge

KIND = re.compile(r"^[A-Z][A-Za-z ]+ Error: ")
LINE = re.compile(r"\n\s*\nLINE (\d+):.*", re.DOTALL)
QUOTED = re.compile(r'"([^"\n]{1,200})"')
CANDIDATES = re.compile(r"(?:Candidate (?:bindings|tables)|Did you mean)[:\s]+(.+)", re.DOTALL)
MISSING = re.compile(r'Referenced column "(.+?)" not found|does not have a column named "(.+?)"')
SETTING = re.compile(r"\s*\bUse `?\"?SET ")  # what DuckDB advises, and a query cannot
MAX_LENGTH = 300
logger = logging.getLogger(__name__)


def error(sentence: str, *, code: str = "sql_error", line: int | None = None) -> ValidationError:
    if line is not None:
        is_word = sentence[1:2].islower() or sentence[1:2] == " "
        sentence = f"Line {line}: {sentence[0].lower() if is_word else sentence[0]}{sentence[1:]}"
    return ValidationError({"sql": ValidationError(sentence, code=code)})


def of_duckdb(failure: Exception, *, is_running: bool = False) -> ValidationError:
    """The error for one of DuckDB, with its line, and without the rest of its message.

    The lines of one that `is_running` are those of what it was made part of.
    """
    text = str(failure)
    found = LINE.search(text)
    line = int(found[1]) if found and not is_running else None
    text = KIND.sub("", LINE.sub("", text)).strip()
    if "Out of Memory" in str(failure) or "Arrow Appender" in str(failure):
        return out_of_memory()
    if str(failure).startswith("IO Error"):
        logger.error("a query could not read or write its files: %s", failure)
        return NotReady(
            "The query could not read or write its files, and the error has been logged. Try again in a moment.",
            code="io_error",
        )
    is_syntax = "syntax error" in text
    if missing := MISSING.search(text):
        name = missing[1] or missing[2]
        hint = _nearest(name, text) or " A text is written in single quotes."
        return error(f"No column is named `{name}`.{hint}", code="unknown_column", line=line)
    if missing := re.match(r'Referenced table "(.+?)" not found', text):
        return error(
            f"FROM has no table `{missing[1]}`.{_nearest(missing[1], text, or_only=True)}",
            code="unknown_table",
            line=line,
        )
    if is_syntax and 'near "@"' in text:
        return error('Quote the name of a version, as in `FROM "penguins@3"`.', code="sql_syntax", line=line)
    text = text.partition("\n\tCandidate functions")[0].partition("\n\nPossible solutions")[0]
    text = SETTING.split(text)[0]
    text = QUOTED.sub(r"`\1`", " ".join(text.split()))[:MAX_LENGTH].rstrip(" !.")
    text = text[:1].upper() + text[1:]
    return error(f"{text}.", code="sql_syntax" if is_syntax else "sql_error", line=line)


def _nearest(name: str, text: str, *, or_only: bool = False) -> str:
    """The hint at the candidate that is most like a name that does not exist, or with `or_only` at a single one."""
    found = CANDIDATES.search(text)
    names = QUOTED.findall(found[1]) if found else []
    is_only = or_only and len(names) == 1
    near = names if is_only else difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f" Did you mean `{near[0]}`?" if near else ""


def out_of_memory() -> TooLarge:
    return TooLarge(
        "The query needs more memory and temporary disk than it may have. Select fewer columns or rows, or aggregate "
        "before joining.",
        code="out_of_memory",
    )
