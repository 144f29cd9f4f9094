"""The file formats of datasets. Imports nothing, so that models and forms can use it without the cost of pandas."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A file format; `module` in this package implements `tables.Reader` for it."""

    name: str  # in recipes and in the API
    label: str  # on pages
    extensions: tuple[str, ...]  # of file names, the usual one first
    module: str


# Detected in this order: any text matches the last one.
FORMATS = {
    form.name: form
    for form in (
        Format("parquet", "Parquet", ("parquet",), "parquet"),
        Format("jsonl", "JSON lines", ("jsonl", "ndjson", "json"), "json_lines"),
        Format("csv", "CSV", ("csv", "tsv", "txt"), "delimited"),
    )
}
COMPRESSIONS = {"gzip": "gz", "bzip2": "bz2", "xz": "xz", "zstd": "zst", "zip": "zip"}  # name: extension
EXTENSIONS = [extension for form in FORMATS.values() for extension in form.extensions]
EXTENSIONS += COMPRESSIONS.values()
