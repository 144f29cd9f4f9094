"""Texts that mean a missing value."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

# The cells that pandas reads as missing by default, so that a file reads the same here as in a notebook.
MISSING = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
]  # fmt: skip
# More of them, in lower case, as other programs and people write them: among numbers, dates or answers they are
# missing values; in a text column they can be words.
KNOWN = frozenset([
    *map(str.lower, MISSING),
    "?", "??", "???", "-", "--", "---", "–", "—", "−", ".", "..", "...", "…", "*", "**", "***", "/", "x.x", "_", ":",
    "\\n", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "#error!", "#calc!", "#spill!", "#getting_data",
    "#wert!", "#bezug!", "#zahl!", "#nv", "#valeur!", "#nombre!", "#nom?", "#¡div/0!", "#¡valor!",
    "na.", "n.a.", "n.a", "n. a.", "n a", "(na)", "[na]", "na()", "n.d.", "nd", "n/d", "n.v.", "nv", "k.a.", "k. a.",
    "k.a", "keine angabe", "keine angaben", "unbekannt", "nc", "n.c.", "inconnu", "non renseigné", "desconocido",
    "missing", "<missing>", "(missing)", "miss", "unknown", "<unknown>", "unk", "unk.", "undefined", "not available",
    "not applicable", "not known", "not reported", "not recorded", "no data", "nodata", "no value", "no answer",
    "none", "(none)", "<none>", "nil", "empty", "<empty>", "(empty)", "blank", "(blank)", "(null)", "<null>", "[null]",
    *(f".{letter}" for letter in "abcdefghijklmnopqrstuvwxyz_"), "nan(ind)", "-nan(ind)", "nan(snan)",
    "-null-", "nul", "n/k", "nk", "tbd", "tba", "void", "refused", "nat", "nan.", "-inf.", "1.#inf0", "<nan>",
])  # fmt: skip
# Words that are values of some text columns: the code of Namibia, "no garage", a name.
WORDS = ("NA", "None", "NULL", "null", "nan", "NaN", "N/A", "n/a")
ZERO_DATES = frozenset(["0000-00-00", "0000-00-00 00:00:00", "00/00/0000", "00.00.0000", "0000/00/00"])


def is_known(text: str) -> bool:
    """Whether a text usually means a missing value."""
    return text.strip().lower() in KNOWN


def with_nulls(values: pa.Array, tokens: Iterable[str], *, trim: bool = False) -> pa.Array:
    """The texts, of which those that are exactly one of the tokens become null; with `trim`, apart from spaces."""
    texts = pc.utf8_trim_whitespace(values) if trim else values
    is_missing = pc.is_in(texts, pa.array(list(tokens), pa.string()))
    if not pc.any(is_missing).as_py():
        return values
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), values)
