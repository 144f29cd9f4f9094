"""Where the columns of text start that have fixed widths."""

import re

MIN_LINES = 4
RUNS = re.compile(r"[-=]+")


def starts_of_ruler(ruler: str) -> tuple[int, ...]:
    """The starts of the columns that a line such as `---- ------` underlines; empty for other rulers."""
    if not re.fullmatch(r"\s*[-=]+(?:\s+[-=]+)+\s*", ruler):
        return ()
    return tuple(run.start() for run in RUNS.finditer(ruler))


def starts_of(sample: str) -> tuple[int, ...]:
    """The starts of the columns that spaces separate in all lines alike; empty if there are none.

    A single space between two columns can be one of a text, so each line must have two somewhere.
    """
    lines = [line.rstrip() for line in sample.splitlines()[:-1] if line.strip()]
    if len(lines) < MIN_LINES or "\t" in sample or not all("  " in line.strip() for line in lines):
        return ()
    width = max(map(len, lines))
    is_filled = [any(line[place : place + 1].strip() for line in lines) for place in range(width)]
    starts = [place for place in range(width) if is_filled[place] and not (place and is_filled[place - 1])]
    return tuple(starts) if len(starts) > 1 else ()
