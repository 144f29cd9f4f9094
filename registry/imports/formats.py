"""The formats of model files that can be imported, by their first bytes. Nothing here parses a file."""

from dataclasses import dataclass
from typing import IO

from django.core.exceptions import ValidationError

HEAD = 16  # bytes
# The first bytes of pickles (protocols 2 to 5) and of what joblib compresses them with.
PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
COMPRESSED = (
    b"\x1f\x8b",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"BZh",
    b"\xfd7zXZ",
    b"]\0\0",
    b"\x04\x22",
)
PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".p", ".pt", ".pth", ".dill")


@dataclass(frozen=True)
class Format:
    """`name` is what the API calls it; `load` is the dotted path of the function that reads it, in a child process."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    load: str
    frameworks: tuple[str, ...] = ()  # that its models need


READERS = "registry.imports.readers"
FORMATS = {
    one.name: one
    for one in (
        Format("skops", "skops", (".skops",), f"{READERS}.skops_files.load"),
        Format(
            "xgboost",
            "XGBoost (JSON or UBJSON)",
            (".json", ".ubj"),
            f"{READERS}.booster_files.load_xgboost",
            ("xgboost",),
        ),
        Format(
            "lightgbm", "LightGBM (text)", (".txt",), f"{READERS}.booster_files.load_lightgbm", ("lightgbm",)
        ),
        Format("catboost", "CatBoost (CBM)", (".cbm",), f"{READERS}.catboost_files.load", ("catboost",)),
        Format("onnx", "ONNX", (".onnx",), f"{READERS}.onnx_files.load", ("onnxruntime",)),
    )
}
LABELS = {one.name: one.title for one in FORMATS.values()}


def of_file(file: IO[bytes], filename: str) -> Format:
    """The format of a file, by its suffix and its first bytes.

    Raises ValidationError: empty_file, pickle_refused, which names what to use instead, and unknown_format.
    """
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise _refused("The file is empty.", "empty_file")
    name = filename.lower()
    if head.startswith(PICKLES + COMPRESSED) or name.endswith(PICKLE_SUFFIXES):
        raise _refused(
            "Pickle and joblib files are not imported: loading one runs any code that is in it. Save the pipeline with "
            'skops instead: `skops.io.dump(pipeline, "model.skops")`.',
            "pickle_refused",
        )
    if head.startswith(b"PK"):
        return FORMATS["skops"]
    if head.startswith((b"{L", b"{l", b"{i", b"{U")) or head.lstrip().startswith(b"{"):
        return FORMATS["xgboost"]
    if head.startswith((b"tree\n", b"tree\r\n")):
        return FORMATS["lightgbm"]
    if head.startswith(b"CBM1"):
        return FORMATS["catboost"]
    # A protobuf of version 3 to 13 (field 1), which names its producer next (field 2) or has no name.
    if head[0] == 8 and 3 <= head[1] <= 30 and head[2:3] in (b"\x12", b"\x1a", b"\x3a", b"\x42"):
        return FORMATS["onnx"]
    raise _refused(f"The file is not a model in a format that can be imported: {titles()}.", "unknown_format")


def titles() -> str:
    return ", ".join(LABELS.values())


def _refused(sentence: str, code: str) -> ValidationError:
    return ValidationError({"file": ValidationError(sentence, code=code)})
