"""The file formats of datasets. Imports nothing, so that models and forms can use it without the cost of pandas."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A file format; `module` in this package implements `tables.Reader` for it."""

    name: str  # in recipes and in the API
    label: str  # on pages
    extensions: tuple[str, ...]  # of file names, the usual one first
    module: str
    is_text: bool = True


# Detected in this order: any text matches the last one.
FORMATS = {
    form.name: form
    for form in (
        Format("parquet", "Parquet", ("parquet",), "parquet", is_text=False),
        Format("feather", "Feather", ("feather", "arrow"), "arrow_ipc", is_text=False),
        Format("excel", "Excel", ("xlsx", "xlsm", "xls", "ods"), "excel.reader", is_text=False),
        Format("jsonl", "JSON lines", ("jsonl", "ndjson", "json"), "json.reader"),
        Format("arff", "ARFF", ("arff",), "delimited.arff"),
        Format("csv", "CSV", ("csv", "tsv", "tab", "txt"), "delimited.reader"),
    )
}
COMPRESSIONS = {"gzip": "gz", "bzip2": "bz2", "xz": "xz", "zstd": "zst", "zip": "zip"}  # name: extension
TAB_SEPARATED = ("tsv", "tab")
EXTENSIONS = [extension for form in FORMATS.values() for extension in form.extensions]
EXTENSIONS += COMPRESSIONS.values()


def extension_of(filename: str) -> str:
    """The extension of a file name in lower case, without that of a compression."""
    stem, _, last = filename.lower().rpartition(".")
    return stem.rpartition(".")[2] if last in COMPRESSIONS.values() else last


def stored_extension(filename: str, form: str) -> str:
    """The extension of a file name, if the format has it; else the usual one of the format."""
    extension, known = extension_of(filename), FORMATS[form].extensions
    return extension if extension in known else known[0]


def full_extension(filename: str, form: str, compression: str | None) -> str:
    """The extension of a stored file, with that of its compression."""
    extension = stored_extension(filename, form)
    return f"{extension}.{COMPRESSIONS[compression]}" if compression else extension


def written_delimiter(delimiter: str | None) -> str:
    """The delimiter for the result of a file: spaces would join empty cells, and csv writes only one character."""
    return delimiter if delimiter and delimiter != " " and len(delimiter) == 1 else ","
