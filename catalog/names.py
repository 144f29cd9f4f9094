import re
import unicodedata

from django.core.exceptions import ValidationError

MAX_LENGTH = 100
RESERVED = {"upload"}  # addresses of their own, beside those of the datasets


def normalize_name(text: str) -> str:
    """`My DataSet.csv` -> `my_dataset`: the name that a dataset has everywhere.

    Folders, the data-file endings, accents and case are dropped; every other run of characters becomes one
    underscore. Raises ValidationError when nothing is left, and for a reserved word.
    """
    stem = re.split(r"[/\\]", text.strip())[-1]
    stem = re.sub(r"(\.(csv|tsv|txt|parquet|jsonl|ndjson|json|gz))+$", "", stem, flags=re.IGNORECASE)
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:MAX_LENGTH].strip("_")
    if not name:
        raise ValidationError(
            "This name has no Latin letter or digit. Give a name such as `sales_2026`.", code="bad_name"
        )
    if name in RESERVED:
        raise ValidationError(f"`{name}` is a reserved word. Give the dataset another name.", code="bad_name")
    return name
