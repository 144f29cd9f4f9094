"""Tensors of the Open Inference Protocol, as JSON or binary: request inputs as rows, and predictions as outputs.

The binary form is Triton's "Binary Tensor Data" extension: little-endian numbers, and for BYTES a four-byte length
before each text. It has no null: a missing number is NaN, and a missing text is an empty one.
"""

import base64
import binascii
import math
import struct
from dataclasses import dataclass

import numpy as np
import orjson

from mlplatform.validation import unknown_names
from serving.inputs.reader import Reader, TypedRows, nearest_column
from serving.inputs.sources import invalid

# The protocol's datatypes and the numpy dtype of their binary form.
DATATYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BYTES": None,
}  # fmt: skip
MAX_DIMENSIONS = 8
FIELDS = ("name", "shape", "datatype", "parameters", "data")


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: list[int]
    data: list  # flat

    @classmethod
    def read(cls, tensor, binary: memoryview | None) -> "Tensor":
        """Read one of a request's `inputs`; `binary` is its binary form. Raises ValidationError."""
        name, shape, datatype = _header(tensor)
        if binary is None and not isinstance(tensor.get("data"), list):
            raise invalid(f"Input `{name[:100]}` must have data: a list.")
        data = _flatten(tensor["data"]) if binary is None else _unpack(binary, datatype, name)
        if len(data) != math.prod(shape):
            values = "1 value" if len(data) == 1 else f"{len(data):,} values"
            raise invalid(f"Input `{name[:100]}` has {values}; its shape requires {math.prod(shape):,}.")
        if datatype == "BOOL":
            data = [bool(value) if type(value) is int and value in (0, 1) else value for value in data]
        parameters = tensor.get("parameters")
        if isinstance(parameters, dict):
            data = _decode(data, parameters.get("content_type"), name)
        return cls(name, shape, data)

    def column(self) -> list:
        if math.prod(self.shape[1:]) != 1:
            raise invalid(f"Input `{self.name[:100]}` is a column, so its shape must be [n] or [n, 1].")
        return self.data


@dataclass(frozen=True)
class Tensors:
    """A request's inputs. With `as_columns` a single input is a column too, never a whole table."""

    inputs: list[Tensor]
    as_columns: bool = False

    def to_typed(self, reader: Reader) -> TypedRows:
        """A single two-dimensional tensor is a table in the signature's order; otherwise each input is a column."""
        if self._is_table(reader):
            table = self.inputs[0]
            width = table.shape[1]
            if not table.data and width != len(reader.names):
                raise invalid(f"Input `{table.name[:100]}` must have the shape [n, {len(reader.names)}].")
            rows = [table.data[start : start + width] for start in range(0, len(table.data), max(width, 1))]
            return reader.from_rows(rows)
        unknown = [tensor.name for tensor in self.inputs if tensor.name not in reader.name_set]
        if unknown:
            near = nearest_column(unknown[0], reader.names)
            hint = f"; did you mean `{near}`?" if near else "."
            raise invalid(f"The model has no column `{unknown[0][:100]}`{hint}")
        columns = {tensor.name: tensor.column() for tensor in self.inputs}
        if len(columns) != len(self.inputs):
            raise invalid("Input names must be unique.")
        counts = {len(values) for values in columns.values()}
        if len(counts) > 1:
            raise invalid("All inputs must have the same number of values.")
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
    """An output tensor and its binary form; with `width` the values are rows of that length."""
    flat = values if width is None else [value for row in values for value in row]
    shape = [len(values)] if width is None else [len(values), width]
    tensor = {"name": name, "shape": shape, "datatype": datatype}
    raw = pack(flat, datatype) if binary else None
    parameters = (parameters or {}) | ({} if raw is None else {"binary_data_size": len(raw)})
    if parameters:
        tensor["parameters"] = parameters
    return tensor | ({"data": flat} if raw is None else {}), raw


def pack(values: list, datatype: str) -> bytes:
    if datatype != "BYTES":
        return np.array(values, dtype=DATATYPES[datatype]).tobytes()
    texts = [value.encode() for value in values]
    return b"".join(part for text in texts for part in (struct.pack("<I", len(text)), text))


def _header(tensor) -> tuple[str, list[int], str]:
    if not isinstance(tensor, dict):
        raise invalid("Each input must be an object.")
    unknown_names.check(tensor, FIELDS, prefix="inputs.")
    name, shape, datatype = tensor.get("name"), tensor.get("shape"), tensor.get("datatype")
    if not isinstance(name, str):
        raise invalid("Each input must have a name.")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise invalid(f"Input `{name[:100]}` must have a shape: a list of integers of at least 0.")
    if len(shape) > MAX_DIMENSIONS:
        raise invalid(f"Input `{name[:100]}` has more than {MAX_DIMENSIONS} dimensions.")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise invalid(f"Input `{name[:100]}` must have one of these datatypes: {', '.join(DATATYPES)}.")
    return name, shape, datatype


def _flatten(data: list) -> list:
    while data and isinstance(data[0], list):
        if not all(isinstance(part, list) for part in data) or len(set(map(len, data))) > 1:
            raise invalid("The data of an input is nested unevenly.")
        data = [value for part in data for value in part]
    return data


def _unpack(binary: memoryview, datatype: str, name: str) -> list:
    try:
        return _unpack_texts(binary) if datatype == "BYTES" else _unpack_numbers(binary, datatype)
    except (ValueError, struct.error) as error:
        raise invalid(f"The binary data of input `{name[:100]}` is not valid {datatype} data.") from error


def _unpack_numbers(binary: memoryview, datatype: str) -> list:
    values = np.frombuffer(binary, dtype=DATATYPES[datatype])
    if values.dtype.kind == "f" and np.isnan(values).any():
        return [None if value != value else value for value in values.tolist()]
    return values.tolist()


def _unpack_texts(binary: memoryview) -> list:
    values, offset = [], 0
    while offset < len(binary):
        (size,) = struct.unpack_from("<I", binary, offset)
        if offset + 4 + size > len(binary):
            raise ValueError("truncated")
        values.append(str(binary[offset + 4 : offset + 4 + size], "utf-8") or None)
        offset += 4 + size
    return values


def _decode(data: list, content_type, name: str) -> list:
    """Decode texts that MLServer's codecs have encoded: in base64, or each as JSON (`pd_json`)."""
    decode = DECODERS.get(content_type) if isinstance(content_type, str) else None
    if decode is None:
        return data
    try:
        return [None if value is None else decode(value) for value in data]
    except (TypeError, ValueError, binascii.Error) as error:
        raise invalid(f"The data of input `{name[:100]}` is not valid {content_type} data.") from error


def _decode_base64(value: str) -> str:
    return base64.b64decode(value, validate=True).decode()


def _decode_json(value: str):
    """A cell: what would become a list or an object is not parsed, since it can take 20 times the memory."""
    if not isinstance(value, str) or value.lstrip()[:1] in {"[", "{"}:
        raise ValueError("not a cell")
    return orjson.loads(value)


DECODERS = {"base64": _decode_base64, "pd_json": _decode_json}
