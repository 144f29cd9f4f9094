"""Tensors of the Open Inference Protocol: a request's inputs as rows, predictions as outputs; as JSON or in binary.

The binary form is Triton's extension "Binary Tensor Data": little-endian numbers, and for BYTES before each text its
length in four bytes. It has no null: there a missing number is NaN, and a missing text is an empty one.
"""

import base64
import binascii
import math
import struct
from dataclasses import dataclass

import numpy as np
import orjson
from django.core.exceptions import ValidationError

from serving.inputs.reader import Reader, TypedRows

# The datatypes of the protocol, and the numpy type of their binary form.
DATATYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BYTES": None,
}  # fmt: skip
MOST_DIMENSIONS = 8


def invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid_input")


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: list[int]
    data: list  # flat

    @classmethod
    def read(cls, given, raw: memoryview | None) -> "Tensor":
        """One of a request's `inputs`; `raw` is its binary form. Raises ValidationError."""
        name, shape, datatype = _head(given)
        if raw is None and not isinstance(given.get("data"), list):
            raise invalid(f"Input `{name[:100]}` must have data: a list.")
        data = _flat(given["data"]) if raw is None else _unpacked(raw, datatype, name)
        if len(data) != math.prod(shape):
            raise invalid(f"Input `{name[:100]}` has {len(data)} values; its shape says {math.prod(shape)}.")
        if datatype == "BOOL":
            data = [bool(value) if type(value) is int and value in (0, 1) else value for value in data]
        parameters = given.get("parameters")
        if isinstance(parameters, dict):
            data = _decoded(data, parameters.get("content_type"), name)
        return cls(name, shape, data)

    def column(self) -> list:
        if math.prod(self.shape[1:]) != 1:
            raise invalid(f"Input `{self.name[:100]}` is a column, so its shape must be [n] or [n, 1].")
        return self.data


@dataclass(frozen=True)
class Tensors:
    """A request's inputs, to be read by a model's signature; `as_columns` says that they are no table in one."""

    inputs: list[Tensor]
    as_columns: bool = False

    def to_typed(self, reader: Reader) -> TypedRows:
        """One tensor of two dimensions is a table in the signature's order; otherwise each input is a column."""
        if self._is_table(reader):
            first = self.inputs[0]
            width = first.shape[1]
            rows = [first.data[start : start + width] for start in range(0, len(first.data), max(width, 1))]
            return reader.from_rows(rows)
        unknown = [tensor.name for tensor in self.inputs if tensor.name not in reader.name_set]
        if unknown:
            raise invalid(f"The model has no column `{unknown[0][:100]}`.")
        columns = {tensor.name: tensor.column() for tensor in self.inputs}
        if len(columns) != len(self.inputs):
            raise invalid("Each input must have a name of its own.")
        counts = {len(values) for values in columns.values()}
        if len(counts) > 1:
            raise invalid("The inputs are columns of one table, so each must have the same number of values.")
        if counts == {0}:
            return reader.from_rows([])
        return reader.from_columns(columns, counts.pop())

    def _is_table(self, reader: Reader) -> bool:
        first = self.inputs[0]
        if self.as_columns or len(self.inputs) != 1 or len(first.shape) != 2:
            return False
        return first.name not in reader.name_set or first.shape[1] != 1


def output(
    name: str,
    values: list,
    *,
    datatype: str,
    parameters: dict | None = None,
    width: int | None = None,
    binary: bool = False,
) -> tuple[dict, bytes | None]:
    """A response's tensor and its binary form; `width` makes a table of it, row after row."""
    flat = values if width is None else [value for row in values for value in row]
    shape = [len(values)] if width is None else [len(values), width]
    told = {"name": name, "shape": shape, "datatype": datatype}
    raw = packed(flat, datatype) if binary else None
    about = (parameters or {}) | ({} if raw is None else {"binary_data_size": len(raw)})
    told |= {"parameters": about} if about else {}
    return told | ({"data": flat} if raw is None else {}), raw


def packed(values: list, datatype: str) -> bytes:
    if datatype != "BYTES":
        return np.array(values, dtype=DATATYPES[datatype]).tobytes()
    texts = [value.encode() for value in values]
    return b"".join(part for text in texts for part in (struct.pack("<I", len(text)), text))


def _head(given) -> tuple[str, list[int], str]:
    if not isinstance(given, dict):
        raise invalid("Each input must be an object.")
    name, shape, datatype = given.get("name"), given.get("shape"), given.get("datatype")
    if not isinstance(name, str):
        raise invalid("Each input must have a name.")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise invalid(f"Input `{name[:100]}` must have a shape: a list of whole numbers.")
    if len(shape) > MOST_DIMENSIONS:
        raise invalid(f"Input `{name[:100]}` has more than {MOST_DIMENSIONS} dimensions.")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise invalid(f"Input `{name[:100]}` must have a datatype: {', '.join(DATATYPES)}.")
    return name, shape, datatype


def _flat(data: list) -> list:
    while data and isinstance(data[0], list):
        if not all(isinstance(part, list) for part in data):
            raise invalid("The data of an input is nested unevenly.")
        if len(set(map(len, data))) > 1:
            raise invalid("The data of an input is nested unevenly.")
        data = [value for part in data for value in part]
    return data


def _unpacked(raw: memoryview, datatype: str, name: str) -> list:
    try:
        return _texts(raw) if datatype == "BYTES" else _numbers(raw, datatype)
    except (ValueError, struct.error) as error:
        raise invalid(f"The binary data of input `{name[:100]}` is not {datatype}.") from error


def _numbers(raw: memoryview, datatype: str) -> list:
    values = np.frombuffer(raw, dtype=DATATYPES[datatype])
    if values.dtype.kind == "f" and np.isnan(values).any():
        return [None if value != value else value for value in values.tolist()]
    return values.tolist()


def _texts(raw: memoryview) -> list:
    values, at = [], 0
    while at < len(raw):
        (size,) = struct.unpack_from("<I", raw, at)
        if at + 4 + size > len(raw):
            raise ValueError("cut off")
        values.append(str(raw[at + 4 : at + 4 + size], "utf-8") or None)
        at += 4 + size
    return values


def _decoded(data: list, content_type, name: str) -> list:
    """Texts that are wrapped once more, as MLServer's codecs do: in base64, or each as JSON (`pd_json`)."""
    unwrap = UNWRAP.get(content_type) if isinstance(content_type, str) else None
    if unwrap is None:
        return data
    try:
        return [None if value is None else unwrap(value) for value in data]
    except (TypeError, ValueError, binascii.Error) as error:
        raise invalid(f"The data of input `{name[:100]}` is not {content_type}.") from error


def _of_base64(value: str) -> str:
    return base64.b64decode(value, validate=True).decode()


UNWRAP = {"base64": _of_base64, "pd_json": orjson.loads}
