"""POST /invocations, compatible with MLflow's scoring server and SageMaker containers. Translation only.

See mlflow 3 `pyfunc/scoring_server` and AWS "Custom Inference Code with Hosting Services". A CSV body without a header
is in the signature's order, as in SageMaker's own containers.
"""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError

from mlplatform.errors import UnsupportedType
from mlplatform.validation import unknown_names
from serving import prediction
from serving.inputs.sources import (
    Columns,
    CsvText,
    ParquetBytes,
    Records,
    Rows,
    RowSource,
    columns_by_name,
    invalid,
)
from serving.model_cache.cache import shared_cache
from serving.protocols import json_with_nan, naming

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
PARQUET = ("application/vnd.apache.parquet", "application/x-parquet")
CODES = {
    400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST",
    500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE", 507: "RESOURCE_EXHAUSTED",
}  # fmt: skip


def error_body(failure: dict, status: int) -> dict:
    """The ERROR_BODIES of /invocations: MLflow's code and all sentences as one string."""
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


def parse(content: bytes, content_type: str) -> RowSource:
    """The rows of a body, still without types. Raises UnsupportedType or ValidationError."""
    if content_type == "application/json":
        return _parse_json(json_with_nan.parse_json(content))
    if content_type == "text/csv":
        return CsvText(content)
    if content_type in PARQUET:
        return ParquetBytes(content)
    raise UnsupportedType(
        "The body must be application/json, text/csv or application/vnd.apache.parquet.",
        code="unsupported_media_type",
    )


def _parse_json(body) -> RowSource:
    if not isinstance(body, dict):
        raise invalid(f"The body must be an object with one of {', '.join(FORMATS)}.")
    unknown_names.check(body, (*FORMATS, "params"))
    formats = [name for name in FORMATS if name in body]
    if len(formats) != 1:
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


def _parse_split(value) -> RowSource:
    if not isinstance(value, dict):
        raise invalid("`dataframe_split` must be an object of columns, index and data.")
    unknown_names.check(value, ("columns", "index", "data"), prefix="dataframe_split.")
    data, columns = value.get("data"), value.get("columns")
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise invalid("`dataframe_split` must have data: a list of rows.")
    if columns is None:
        return Rows(rows=data)
    if not isinstance(columns, list) or any(len(row) != len(columns) for row in data):
        raise invalid("Each row of `dataframe_split` must have one value per column.")
    return Columns(columns_by_name([str(name) for name in columns], data), len(data))


def _parse_records(value) -> RowSource:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise invalid("`dataframe_records` must be a list of objects.")
    return Records(value)


def parse_instances(value) -> RowSource:
    """Rows as lists in the signature's order, or as objects keyed by column name."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _parse_records(value)
    return _parse_table(value)


def _parse_inputs(value) -> RowSource:
    if not isinstance(value, dict):
        return _parse_table(value)
    columns = {name: values if isinstance(values, list) else [values] for name, values in value.items()}
    counts = {len(values) for values in columns.values()}
    if len(counts) != 1:
        raise invalid("The columns of `inputs` must have the same number of values.")
    return Columns({name: _flatten(values) for name, values in columns.items()}, counts.pop())


def _flatten(values: list) -> list:
    """A column of shape [n, 1] as one of shape [n]."""
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]


def _parse_table(value) -> RowSource:
    if not isinstance(value, list):
        value = [value]
    return Rows(rows=[row if isinstance(row, list) else [row] for row in value])


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
