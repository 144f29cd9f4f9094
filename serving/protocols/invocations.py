"""POST /invocations as MLflow's scoring server and SageMaker's containers have it. Translation only.

From mlflow 3 `pyfunc/scoring_server` and AWS "Custom Inference Code with Hosting Services". A CSV body without a
header is in the signature's order, as SageMaker's own containers take it.
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

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
PARQUET = ("application/vnd.apache.parquet", "application/x-parquet")
MOST_PARQUET_ROWS = 500_000  # a few kilobytes may be millions
CODES = {
    400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST",
    500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE",
}  # fmt: skip


def error_body(failure: dict, status: int) -> dict:
    faults = failure["fields"].get("input_data") or [failure["detail"]]
    return {"error_code": CODES.get(status, "BAD_REQUEST"), "message": " ".join(faults)}


def invoke(content: bytes, *, content_type: str, charset: str | None, model: str | None, by) -> dict:
    """Predictions for a body in one of MLflow's formats, by `model` or the setting INVOCATIONS_MODEL."""
    model = model or settings.INVOCATIONS_MODEL
    if not model:
        raise ValidationError(
            "Say which model: send the header X-Model, such as `my_dataset@production`, or set INVOCATIONS_MODEL.",
            code="no_model",
        )
    if charset and charset.lower() not in {"utf-8", "utf8"}:
        raise UnsupportedType("The charset must be utf-8.", code="unsupported_media_type")
    dataset, stage, _ = naming.named(model)
    rows = read(content, content_type)
    made = prediction.predict(dataset, stage=stage, rows=rows, by=by, protocol="invocations")
    return {"predictions": made.predictions}


def read(content: bytes, content_type: str):
    if content_type == "application/json":
        return _json(bodies.loads(content))
    if content_type == "text/csv":
        return CsvText(content)
    if content_type in PARQUET:
        return ParquetFile(content)
    raise UnsupportedType(
        "The body must be application/json, text/csv or application/vnd.apache.parquet.",
        code="unsupported_media_type",
    )


def _json(body):
    if not isinstance(body, dict):
        raise invalid(f"The body must be an object with one of {', '.join(FORMS)}.")
    given = [form for form in FORMS if form in body]
    unknown = set(body) - {*FORMS, "params"}
    if len(given) != 1 or unknown:
        raise invalid(f"The body must have exactly one of {', '.join(FORMS)}, and may have params.")
    if not isinstance(body.get("params", {}), dict | None):
        raise invalid("`params` must be an object.")
    form = given[0]
    return {
        "dataframe_split": _split,
        "dataframe_records": _records,
        "instances": instances,
        "inputs": _inputs,
    }[form](body[form])


def _split(given):
    if not isinstance(given, dict) or set(given) - {"columns", "index", "data"}:
        raise invalid("`dataframe_split` must be an object of columns, index and data.")
    data, columns = given.get("data"), given.get("columns")
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise invalid("`dataframe_split` must have data: a list of rows.")
    if columns is None:
        return prediction.Rows(rows=data)
    if not isinstance(columns, list) or any(len(row) != len(columns) for row in data):
        raise invalid("Each row of `dataframe_split` must have as many values as there are columns.")
    return Columns(_by_name([str(name) for name in columns], data), len(data))


def _by_name(names: list[str], rows: list[list]) -> dict:
    """Rows as columns; a name that stands for two of them is refused, since which is meant cannot be known."""
    if len(set(names)) != len(names):
        raise invalid("Each column must have a name of its own.")
    return dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}


def _records(given):
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise invalid("`dataframe_records` must be a list of objects.")
    return Records(given)


def instances(given):
    """Rows as lists in the signature's order, or as objects by column name."""
    if isinstance(given, list) and given and all(isinstance(row, dict) for row in given):
        return _records(given)
    return _table(given, "instances")


def _inputs(given):
    if not isinstance(given, dict):
        return _table(given, "inputs")
    columns = {name: values if isinstance(values, list) else [values] for name, values in given.items()}
    counts = {len(values) for values in columns.values()}
    if len(counts) != 1:
        raise invalid("The columns of `inputs` must have the same number of values.")
    return Columns({name: _unnested(values) for name, values in columns.items()}, counts.pop())


def _unnested(values: list) -> list:
    """A column as [n, 1] is one as [n]."""
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]


def _table(given, form: str):
    if not isinstance(given, list):
        given = [given]
    if not given:
        raise invalid(f"`{form}` holds no rows.")
    return prediction.Rows(rows=[row if isinstance(row, list) else [row] for row in given])


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
    """Rows as objects; what one leaves out is missing there, and what the model does not have is ignored."""

    rows: list[dict]

    def to_typed(self, reader: Reader) -> TypedRows:
        if not self.rows:
            return reader.from_rows([])
        given = {name for row in self.rows for name in reader.name_set.intersection(row)}
        columns = {name: [row.get(name) for row in self.rows] for name in given}
        return reader.from_columns(columns, len(self.rows))


@dataclass(frozen=True)
class CsvText:
    content: bytes

    def to_typed(self, reader: Reader) -> TypedRows:
        try:
            text = io.StringIO(self.content.decode("utf-8-sig"), newline="")
            rows = [row for row in csv.reader(text, strict=True) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise invalid("The body is not CSV in UTF-8.") from error
        if rows and set(rows[0]) & reader.name_set:
            header, rows = rows[0], rows[1:]
            for number, row in enumerate(rows, start=1):
                if len(row) != len(header):
                    raise invalid(f"Row {number} has {len(row)} values; the header has {len(header)}.")
            if rows:
                columns = _by_name(header, rows)
                return reader.from_columns(columns, len(rows), rules=cell_rules.TEXT)
        return reader.from_rows(rows, rules=cell_rules.TEXT)


@dataclass(frozen=True)
class ParquetFile:
    content: bytes

    def to_typed(self, reader: Reader) -> TypedRows:
        file = io.BytesIO(self.content)
        if not self.content.startswith(b"PAR1"):
            raise invalid("The body is not a Parquet file.")
        recipe, rows = tables.detect(file, "body.parquet", max_bytes=settings.MAX_REQUEST_MB * 16 * 1024**2)
        if rows > MOST_PARQUET_ROWS:
            raise TooLarge(
                f"A Parquet body may have {MOST_PARQUET_ROWS:,} rows at most. Send larger tables to /predict/file.",
                code="too_large",
            )
        known = [column.name for column in recipe.columns if column.name in reader.name_set]
        return files.from_frame(tables.read(file, recipe, columns=known), reader, count=rows)


def is_ready() -> bool:
    """Whether INVOCATIONS_MODEL can answer; where none is set, there is nothing to wait for."""
    if not settings.INVOCATIONS_MODEL:
        return True
    try:
        dataset, stage, _ = naming.named(settings.INVOCATIONS_MODEL)
        shared_cache().get(dataset, stage=stage)
    except (ValidationError, OperationalError, InterfaceError):
        return False
    return True
