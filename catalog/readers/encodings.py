"""Detect the encoding of text. No file says which one it is in; only some are certain."""

import codecs
import re
import unicodedata

BYTE_ORDER_MARKS = (  # UTF-32 first: its mark starts with that of UTF-16
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# The letters beyond ASCII that the languages of an encoding use; None: any of its alphabet. The most frequent first.
SINGLE_BYTE = (
    ("cp1252", "äöüßéèêëàâáãåæçñíìîïóòôõøœúùûÿšž"),
    ("cp1251", None),
    ("cp1250", "ąćęłńóśźżáčďéěíňřšťúůýžäöüßőűôĺľŕăâîş"),
    ("mac_roman", "äöüßéèêëàâáãåæçñíìîïóòôõøœúùûÿ"),
    ("cp850", "äöüßéèêëàâáãåæçñíìîïóòôõøúùûÿ"),
    ("cp1254", "çğıöşüâîû"),
    ("cp1253", None),
    ("cp1257", "āčēģīķļņšūžąęėįųõäöü"),
    ("cp1252", "áéíóúýöæøðþ"),  # Icelandic; Turkish has others of these
    ("koi8_r", None),
    ("cp866", None),
    ("cp1255", None),
    ("cp1256", None),
    ("cp874", None),
)
MULTI_BYTE = ["cp932", "euc_jp", "gb18030", "big5", "cp949"]
ODD = 0.05  # the share of faults from which on a text is probably in another encoding
LABELS = {
    "mac_roman": "Mac Roman",
    "koi8_r": "KOI8-R",
    "cp850": "DOS Western (850)",
    "cp866": "DOS Cyrillic (866)",
    "cp932": "Shift JIS",
    "euc_jp": "EUC-JP",
    "gb18030": "GB 18030",
    "big5": "Big5",
    "cp949": "EUC-KR",
    "cp874": "Windows-874 (Thai)",
}
NAMES = {
    "iso8859-1": "latin-1",
    "mac-roman": "mac_roman",
    "koi8-r": "koi8_r",
}  # where Python's differ from ours
NOT_OF_FILES = {"idna", "punycode", "unicode-escape", "raw-unicode-escape"}
SYMBOLS = "°µ²³§€£¢¥“”„‘’‚–—…«»·®™©½¼¾±×¿¡ºª\u00a0\u00ad"  # of tables in any language
SAMPLE = 64 * 1024
# The replacement character, and what UTF-8 looks like that was read as Windows-1252: é is Ã©.
DAMAGE = re.compile("\ufffd|[ÃÂ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œ]|â€[™œ\u009d˜“”¦]")
ASCII = bytes(range(128))
RUNS = re.compile(rb"[\x80-\xff]{3,}")


def candidates(content: bytes) -> tuple[str, ...]:
    """Possible encodings of a text with this beginning, the most likely first."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return (encoding,)
    if order := _utf16_order(content):
        return (order,)
    if content.isascii():
        return ("utf-8", "cp1252", "latin-1")
    # Other text rarely has the byte pairs of UTF-8: if they prevail, an invalid byte is damage.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(content)
    faults = text.count("\ufffd") - content.count(b"\xef\xbf\xbd")  # without those that the file has
    if not faults or len(re.findall(r"[^\x00-\x7f\ufffd]", text)) > faults:
        return ("utf-8",)
    return _guess(content)


def normalized(name: str) -> str | None:
    """The name of a text encoding as recipes have it, from any that Python accepts; None if it is unknown."""
    try:
        b"a".decode(name)
    except UnicodeDecodeError:  # half of a character of UTF-16
        pass
    except (LookupError, ValueError):
        return None
    name = codecs.lookup(name).name
    return None if name in NOT_OF_FILES else NAMES.get(name, name)


def as_marked(encoding: str, content: bytes) -> str:
    """The encoding, or its variant that removes the byte order mark with which this content starts.

    UTF-16 without a mark has an order of bytes: Python has no default for it.
    """
    marked = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), None)
    if marked and marked.startswith(encoding.removesuffix("-le").removesuffix("-be")):
        return marked
    return (_utf16_order(content) or "utf-16-le") if encoding == "utf-16" else encoding


def is_utf16(content: bytes) -> bool:
    return any(content.startswith(mark) for mark, _ in BYTE_ORDER_MARKS) or _utf16_order(content) is not None


def is_guess(encoding: str) -> bool:
    """Whether the bytes of a text are valid in other encodings too."""
    return not encoding.startswith("utf")


def label(encoding: str) -> str:
    """The usual name of an encoding."""
    if encoding.startswith("cp125"):
        return f"Windows-{encoding.removeprefix('cp')}"
    return LABELS.get(encoding, encoding.upper().removesuffix("-SIG"))


def _utf16_order(content):
    """UTF-16 without a byte order mark: in Latin text every second byte is NUL, and no other byte is."""
    head = content[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.3 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) * 0.3 and not odd else None


def _guess(content):
    """The encoding in which the text has the fewest faults; the most frequent one of those that are alike.

    charset-normalizer decides between those of several bytes a character only: in a short text it takes one Western
    encoding for another.
    """
    sample = b"\n".join(line for line in content.splitlines() if not line.isascii())[:SAMPLE]
    faults = [_faults(sample, encoding, letters) for encoding, letters in SINGLE_BYTE]
    fewest = min(faults)
    best, letters = SINGLE_BYTE[faults.index(fewest)]
    is_doubtful = letters is None or (fewest > ODD and _has_runs(sample))
    if is_doubtful and (match := _multi_byte(sample)):
        return (match,)
    if fewest == float("inf"):
        return ("latin-1",)
    return (best, "latin-1") if best == "cp1252" else (best,)


def _has_runs(sample):
    """Whether many bytes beyond ASCII are in runs, as in texts of several bytes a character: few words have three."""
    return len(b"".join(RUNS.findall(sample))) > 0.3 * len(sample.translate(None, ASCII))


def _multi_byte(sample):
    from charset_normalizer import from_bytes

    match = from_bytes(sample, cp_isolation=MULTI_BYTE).best()
    return match and match.encoding


def _faults(sample, encoding, letters):
    """The faults in the words of a text for each of its characters beyond ASCII; infinite if it is not valid."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return float("inf")
    faults, count = 0.0, 0
    for word in re.findall(r"\S+", text):
        if word.isascii():
            continue
        for before, character, after in zip(" " + word, word, word[1:] + " ", strict=False):
            if not character.isascii():
                count += 1
                faults += _fault(before, character, after, letters)
    return faults / max(count, 1)


def _fault(before, character, after, letters):
    """How unlikely a character beyond ASCII is between these two, from 0 to 3."""
    if character in SYMBOLS:
        return float(before.isalpha() and after.isalpha() and character not in "’–—·\u00a0\u00ad")
    if not character.isalpha():
        return 3.0 if unicodedata.category(character) == "Cc" else 1.0
    is_inside = before.isalpha()
    if character.isupper() and before.islower():
        return 1.0
    if letters is None:  # words of another alphabet have no Latin letters
        return float((is_inside and before.isascii()) or (after.isalpha() and after.isascii()))
    if character.lower() not in letters:
        return 0.5
    return 0.3 if is_inside and not before.isascii() else 0.0
