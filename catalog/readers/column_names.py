"""The names of columns as a file has them: made usable, with a finding for each change."""

import re
from collections import Counter
from collections.abc import Sequence

from catalog.readers.cells import column_types
from catalog.readers.recipe import Finding

INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u200b\u2060\ufeff")
)  # soft hyphen, zero-width spaces, byte order mark
SPACES = re.compile(
    r"\s*[\t\n\v\f\r\x85\u00a0\u2007\u2028\u2029\u202f]\s*"
)  # no-break spaces, line breaks, tabs


def cleaned(name: str) -> str:
    """The name without invisible characters and surrounding spaces; line breaks and no-break spaces are spaces."""
    return SPACES.sub(" ", name.translate(INVISIBLE)).strip()


def usable(names: Sequence[str], *, line: int | None = None) -> tuple[list[str], list[Finding]]:
    """The names cleaned, filled and made unique, and what was changed. Raises ValidationError as `usable_names`."""
    stripped = [cleaned(name) for name in names]
    findings = [*_cleaned(names, stripped, line), *_unnamed(stripped, line), *_duplicates(stripped, line)]
    return column_types.usable_names(_unique(column_types.fill_empty_names(stripped))), findings


def numbered(width: int) -> list[str]:
    """The names of a table without a header."""
    return [f"column_{position}" for position in range(1, width + 1)]


def listed(names: Sequence[str], *, most: int = 5) -> str:
    """The names in backquotes, the first few of many."""
    shown = ", ".join(f"`{name[:60]}`" for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def _unique(names):
    """The second `x` is `x.1`, or the next number that is free: as in pandas."""
    used, unique = set(names), []
    counts = Counter()
    for name in names:
        new = name
        while counts[name] and new in used:
            new = f"{name}.{counts[name]}"
            counts[name] += new in used
        counts[name] += 1
        used.add(new)
        unique.append(new)
    return unique


def _cleaned(names, stripped, line):
    changed = [new for old, new in zip(names, stripped, strict=True) if old.strip(" ") != new and new]
    if changed:
        yield Finding(
            "renamed_columns",
            f"Line breaks, no-break spaces and invisible characters were removed from the names of {listed(changed)}.",
            column=changed[0] if len(changed) == 1 else None,
            line=line,
        )


def _unnamed(names, line):
    filled = column_types.fill_empty_names(names)
    added = [new for old, new in zip(names, filled, strict=True) if not old]
    if added:
        what = "A column has" if len(added) == 1 else f"{len(added):,} columns have"
        yield Finding("unnamed_columns", f"{what} no name in the header: named {listed(added)}.", line=line)


def _duplicates(names, line):
    if repeated := [name for name, count in Counter(names).items() if count > 1 and name]:
        unique = _unique(names)
        added = [new for old, new in zip(names, unique, strict=True) if old != new and old]
        yield Finding(
            "duplicate_columns",
            f"The header has {listed(repeated)} more than once: the others are named {listed(added)}.",
            line=line,
        )
