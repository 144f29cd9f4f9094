"""How pages, sentences and documents write numbers, sizes and durations."""

import math
from datetime import timedelta

from mlplatform.plots.axes import with_minus

DASH = "–"
# A narrow no-break space before a percent sign.
THIN_SPACE = "\u202f"


def number(value):
    """`1234567` -> `1,234,567`, as in sentences; the decimals of a float are kept."""
    if _is_missing(value):
        return DASH
    return f"{value:,}"


def column_value(value, digits=6):
    """A value or a mean of a column, a float with this many significant digits, a boolean as `true` or `false`.

    Without thousands separators and with a hyphen as its sign, as in the file: it may be a year or an identifier, and
    can be copied into a form.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float) or abs(value) >= 1e15:
        return value
    return str(round(value)) if abs(value) >= 10**digits else f"{value:.{digits}g}"


def metric(value):
    """Four significant digits: `0.9667`, `53.37`, `−2,934`; `3.2e−05` for what four decimals would round to zero."""
    if _is_missing(value):
        return DASH
    size = abs(float(value))
    if 0 < size < 0.00005:
        return with_minus(f"{value:.1e}")
    decimals = 4 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return with_minus(f"{float(value):,.{decimals}f}")


def signed(value):
    """A difference of metrics with its sign: `+0.0123`, `−3.20`."""
    if _is_missing(value):
        return DASH
    return ("+" if value > 0 else "−" if value < 0 else "±") + metric(abs(value))


def file_size(value):
    """Bytes as `812 bytes`, `4.2 KB`, `120 MB`; a KB is 1024 bytes, as in the upload limit."""
    if _is_missing(value):
        return DASH
    if value < 1024:
        return f"{value} byte{'' if value == 1 else 's'}"
    size, unit = value / 1024, "KB"
    for bigger in ("MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1024, bigger
    return f"{size:.1f} {unit}" if size < 9.95 else f"{size:.0f} {unit}"


def duration(value):
    """Seconds or a timedelta as `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if _is_missing(seconds):
        return DASH
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def short_duration(seconds):
    """Seconds of a fast operation with two digits: `52 µs`, `3.1 ms`, `1.2 s`."""
    if _is_missing(seconds):
        return DASH
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= 0.9995 * size:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
    return f"{seconds * 1e6:.0f} µs"


def percent(share):
    """A share of 0 to 1 as `96.7 %`; `100 %` and `0 %` only for exact values."""
    if _is_missing(share):
        return DASH
    if 0 < share < 0.001:
        return f"< 0.1{THIN_SPACE}%"
    if 0.999 < share < 1:
        return f"> 99.9{THIN_SPACE}%"
    return f"{share * 100:.0f}{THIN_SPACE}%" if share in (0, 1) else f"{share * 100:.1f}{THIN_SPACE}%"


def _is_missing(value):
    return value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))
