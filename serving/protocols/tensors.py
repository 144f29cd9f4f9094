"""Tensors of the Open Inference Protocol as rows: by column or as one table, as JSON or in binary."""

import base64
import binascii
import math
import struct
from dataclasses import dataclass

import numpy as np
from django.core.exceptions import ValidationError

from serving.frames import Reader, TypedRows

# The datatypes of the protocol, and the numpy type of their binary form. BYTES is a length and so many bytes.
DATATYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BYTES": None,
}  # fmt: skip
COLUMN_TYPES = {"number": "FP64", "integer": "INT64", "text": "BYTES", "boolean": "BOOL", "date": "BYTES"}


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
        if not isinstance(given, dict):
            raise invalid("Each input must be an object.")
        name, shape, datatype = given.get("name"), given.get("shape"), given.get("datatype")
        if not isinstance(name, str):
            raise invalid("Each input must have a name.")
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
            raise invalid(f"Input `{name[:100]}` must have a shape: a list of whole numbers.")
        if datatype not in DATATYPES:
            raise invalid(f"Input `{name[:100]}` must have a datatype: {', '.join(DATATYPES)}.")
        if raw is None and not isinstance(given.get("data"), list):
            raise invalid(f"Input `{name[:100]}` must have data: a list.")
        data = _flat(given["data"]) if raw is None else _unpacked(raw, datatype, name)
        if len(data) != math.prod(shape):
            raise invalid(f"Input `{name[:100]}` has {len(data)} values; its shape says {math.prod(shape)}.")
        parameters = given.get("parameters")
        if isinstance(parameters, dict) and parameters.get("content_type") == "base64":
            data = [_decoded(value, name) for value in data]
        return cls(name, shape, data)


@dataclass(frozen=True)
class Tensors:
    """A request's inputs, to be read by a model's signature."""

    inputs: list[Tensor]

    def typed(self, reader: Reader) -> TypedRows:
        """One tensor of two dimensions is a table in the signature's order; otherwise each input is a column."""
        first = self.inputs[0]
        if len(self.inputs) == 1 and len(first.shape) == 2 and first.name not in reader.known:
            width = first.shape[1]
            rows = [first.data[start : start + width] for start in range(0, len(first.data), max(width, 1))]
            return reader.from_rows(rows)
        counts = {len(tensor.data) for tensor in self.inputs}
        if len(counts) > 1:
            raise invalid("The inputs are columns of one table, so each must have the same number of values.")
        if not len(first.data):
            return reader.from_rows([])
        columns = {tensor.name: tensor.data for tensor in self.inputs}
        unknown = [name for name in columns if name not in reader.known]
        if unknown:
            raise invalid(f"The model has no column `{unknown[0][:100]}`.")
        return reader.from_columns(columns, counts.pop())


def output(name: str, values: list, *, width: int | None = None, parameters: dict | None = None) -> dict:
    """A response's tensor; `width` makes a table of it, whose rows are written one after the other."""
    told = {
        "name": name,
        "shape": [len(values)] if width is None else [len(values), width],
        "datatype": "FP64" if width is not None else datatype_of(values),
        "data": values if width is None else [value for row in values for value in row],
    }
    return told | ({"parameters": parameters} if parameters else {})


def datatype_of(values: list) -> str:
    kind = next((type(value) for value in values if value is not None), float)
    return {bool: "BOOL", int: "INT64", str: "BYTES"}.get(kind, "FP64")


def _flat(data: list) -> list:
    while data and isinstance(data[0], list):
        if not all(isinstance(part, list) for part in data):
            raise invalid("The data of an input is nested unevenly.")
        data = [value for part in data for value in part]
    return data


def _unpacked(raw: memoryview, datatype: str, name: str) -> list:
    try:
        if datatype != "BYTES":
            values = np.frombuffer(raw, dtype=DATATYPES[datatype]).tolist()
            return [None if value != value else value for value in values]
        values, at = [], 0
        while at < len(raw):
            (size,) = struct.unpack_from("<I", raw, at)
            if at + 4 + size > len(raw):
                raise ValueError("cut off")
            values.append(bytes(raw[at + 4 : at + 4 + size]).decode())
            at += 4 + size
        return values
    except (ValueError, struct.error) as error:
        raise invalid(f"The binary data of input `{name[:100]}` is not {datatype}.") from error


def _decoded(value, name: str) -> str | None:
    try:
        return None if value is None else base64.b64decode(value, validate=True).decode()
    except (TypeError, ValueError, binascii.Error) as error:
        raise invalid(f"Input `{name[:100]}` is not base64 of text.") from error
