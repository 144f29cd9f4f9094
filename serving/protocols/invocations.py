"""POST /invocations, compatible with MLflow's scoring server and SageMaker containers. Translation only.

See mlflow 3 `pyfunc/scoring_server` and AWS "Custom Inference Code with Hosting Services". A CSV body without a header
is in the signature's order, as in SageMaker's own containers.
"""

import csv
import io
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError

from catalog.readers import tables
from mlplatform.errors import TooLarge, UnsupportedType
from serving import prediction
from serving.inputs import cell_rules, files
from serving.inputs.reader import Reader, TypedRows
from serving.model_cache.cache import shared_cache
from serving.protocols import bodies, naming
from serving.protocols.tensors import invalid

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
PARQUET = ("application/vnd.apache.parquet", "application/x-parquet")
MAX_PARQUET_ROWS = 500_000  # a few kilobytes can hold millions of rows
CODES = {
    400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST",
    500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE",
}  # fmt: skip


def error_body(failure: dict, status: int) -> dict:
    sentences = failure["fields"].get("input_data") or [failure["detail"]]
    return {"error_code": CODES.get(status, "BAD_REQUEST"), "message": " ".join(sentences)}


def invoke(content: bytes, *, content_type: str, charset: str | None, model: str | None, by) -> dict:
    """Predictions for a body in one of MLflow's formats, by `model` or the setting INVOCATIONS_MODEL."""
    model = model or settings.INVOCATIONS_MODEL
    if not model:
        raise ValidationError(
            "No model is named. Send the header X-Model, such as `my_dataset@production`, or set INVOCATIONS_MODEL.",
            code="no_model",
        )
    if charset and charset.lower() not in {"utf-8", "utf8"}:
        raise UnsupportedType("The charset must be utf-8.", code="unsupported_media_type")
    dataset, stage, _ = naming.resolve(model)
    rows = parse(content, content_type)
    result = prediction.predict(dataset, stage=stage, rows=rows, by=by, protocol="invocations")
    return {"predictions": result.predictions}


def parse(content: bytes, content_type: str):
    """The rows of a body, still without types. Raises UnsupportedType or ValidationError."""
    if content_type == "application/json":
        return _parse_json(bodies.parse_json(content))
    if content_type == "text/csv":
        return CsvText(content)
    if content_type in PARQUET:
        return ParquetBytes(content)
    raise UnsupportedType(
        "The body must be application/json, text/csv or application/vnd.apache.parquet.",
        code="unsupported_media_type",
    )


def _parse_json(body):
    if not isinstance(body, dict):
        raise invalid(f"The body must be an object with one of {', '.join(FORMATS)}.")
    formats = [name for name in FORMATS if name in body]
    unknown = set(body) - {*FORMATS, "params"}
    if len(formats) != 1 or unknown:
        raise invalid(f"The body must have exactly one of {', '.join(FORMATS)}, and optionally params.")
    if not isinstance(body.get("params", {}), dict | None):
        raise invalid("`params` must be an object.")
    parsers = {
        "dataframe_split": _parse_split,
        "dataframe_records": _parse_records,
        "instances": parse_instances,
        "inputs": _parse_inputs,
    }
    return parsers[formats[0]](body[formats[0]])


def _parse_split(value):
    if not isinstance(value, dict) or set(value) - {"columns", "index", "data"}:
        raise invalid("`dataframe_split` must be an object of columns, index and data.")
    data, columns = value.get("data"), value.get("columns")
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise invalid("`dataframe_split` must have data: a list of rows.")
    if columns is None:
        return prediction.Rows(rows=data)
    if not isinstance(columns, list) or any(len(row) != len(columns) for row in data):
        raise invalid("Each row of `dataframe_split` must have one value per column.")
    return Columns(_columns_by_name([str(name) for name in columns], data), len(data))


def _columns_by_name(names: list[str], rows: list[list]) -> dict:
    """Transpose rows. Raises ValidationError if two columns have the same name: neither can be preferred."""
    if len(set(names)) != len(names):
        raise invalid("Column names must be unique.")
    return dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}


def _parse_records(value):
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise invalid("`dataframe_records` must be a list of objects.")
    return Records(value)


def parse_instances(value):
    """Rows as lists in the signature's order, or as objects keyed by column name."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _parse_records(value)
    return _parse_table(value, "instances")


def _parse_inputs(value):
    if not isinstance(value, dict):
        return _parse_table(value, "inputs")
    columns = {name: values if isinstance(values, list) else [values] for name, values in value.items()}
    counts = {len(values) for values in columns.values()}
    if len(counts) != 1:
        raise invalid("The columns of `inputs` must have the same number of values.")
    return Columns({name: _flatten(values) for name, values in columns.items()}, counts.pop())


def _flatten(values: list) -> list:
    """A column of shape [n, 1] as one of shape [n]."""
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]


def _parse_table(value, name: str):
    if not isinstance(value, list):
        value = [value]
    if not value:
        raise invalid(f"`{name}` must have at least one row.")
    return prediction.Rows(rows=[row if isinstance(row, list) else [row] for row in value])


@dataclass(frozen=True)
class Columns:
    """Columns by name; those that the model does not have are ignored."""

    columns: dict
    count: int

    def to_typed(self, reader: Reader) -> TypedRows:
        if not self.count:
            return reader.from_rows([])
        return reader.from_columns(self.columns, self.count)


@dataclass(frozen=True)
class Records:
    """Rows as objects; an absent key is a missing value, and columns that the model does not have are ignored."""

    rows: list[dict]

    def to_typed(self, reader: Reader) -> TypedRows:
        if not self.rows:
            return reader.from_rows([])
        names = {name for row in self.rows for name in reader.name_set.intersection(row)}
        columns = {name: [row.get(name) for row in self.rows] for name in names}
        return reader.from_columns(columns, len(self.rows))


@dataclass(frozen=True)
class CsvText:
    content: bytes

    def to_typed(self, reader: Reader) -> TypedRows:
        try:
            text = io.StringIO(self.content.decode("utf-8-sig"), newline="")
            rows = [row for row in csv.reader(text, strict=True) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise invalid("The body is not valid CSV in UTF-8.") from error
        if rows and set(rows[0]) & reader.name_set:
            header, rows = rows[0], rows[1:]
            for number, row in enumerate(rows, start=1):
                if len(row) != len(header):
                    raise invalid(f"Row {number} has {len(row)} values; the header has {len(header)}.")
            if rows:
                columns = _columns_by_name(header, rows)
                return reader.from_columns(columns, len(rows), rules=cell_rules.TEXT)
        return reader.from_rows(rows, rules=cell_rules.TEXT)


@dataclass(frozen=True)
class ParquetBytes:
    content: bytes

    def to_typed(self, reader: Reader) -> TypedRows:
        file = io.BytesIO(self.content)
        if not self.content.startswith(b"PAR1"):
            raise invalid("The body is not a Parquet file.")
        recipe, rows = tables.detect(file, "body.parquet", max_bytes=settings.MAX_REQUEST_MB * 16 * 1024**2)
        if rows > MAX_PARQUET_ROWS:
            raise TooLarge(
                f"The Parquet body has {rows:,} rows; the limit is {MAX_PARQUET_ROWS:,} rows. "
                "Send larger tables to /predict/file.",
                code="too_large",
            )
        columns = [column.name for column in recipe.columns if column.name in reader.name_set]
        return files.from_frame(tables.read(file, recipe, columns=columns), reader, count=rows)


def is_ready() -> bool:
    """Whether INVOCATIONS_MODEL can predict; True if no model is set."""
    if not settings.INVOCATIONS_MODEL:
        return True
    try:
        dataset, stage, _ = naming.resolve(settings.INVOCATIONS_MODEL)
        shared_cache().get(dataset, stage=stage)
    except (ValidationError, OperationalError, InterfaceError):
        return False
    return True
