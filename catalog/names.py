import re
import unicodedata

from django.core.exceptions import ValidationError

from catalog.readers.formats import EXTENSIONS

MAX_LENGTH = 100
RESERVED = {"derive", "inspect", "register", "upload"}  # used in URLs next to the names of datasets
SUFFIXES = re.compile(rf"(\.({'|'.join(EXTENSIONS)}))+$", re.IGNORECASE)


def normalize_name(text: str) -> str:
    """The name of a dataset from a file name or any other text: `My DataSet.csv` -> `my_dataset`.

    Drops folders, extensions of data files, accents and case; every other run of characters becomes one
    underscore. Raises ValidationError if nothing is left, and for a reserved word.
    """
    stem = SUFFIXES.sub("", re.split(r"[/\\]", text.strip())[-1])
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:MAX_LENGTH].strip("_")
    if not name:
        raise ValidationError(
            "The name needs at least one Latin letter or digit. Enter a name such as `sales_2026`.",
            code="bad_name",
        )
    if name in RESERVED:
        raise ValidationError(f"`{name}` is a reserved name. Choose another name.", code="bad_name")
    return name
