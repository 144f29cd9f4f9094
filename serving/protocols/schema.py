"""The OpenAPI description of the protocols and probes, which are served without DRF.

drf-spectacular reads APIViews, so each operation is described by one that is never called.
"""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.views import APIView

from mlplatform.openapi import EXAMPLES, ErrorSerializer
from serving.protocols import invocations, serializers, v2

OIP, KSERVE, MLFLOW, OPERATIONS = "open inference protocol", "kserve v1", "mlflow", "operations"
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
COLUMNS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
ROWS_BY_COLUMN = dict(zip(COLUMNS, map(list, zip(*ROWS, strict=True)), strict=True))
PARQUET = invocations.PARQUET[0]
ENDPOINTS = []


def describe(method: str, path: str, operation_id: str, summary: str, **options) -> None:
    """Add an operation to the description; `options` are those of extend_schema. It needs a token by default."""
    options = {"auth": [{"token": []}]} | options
    schema = extend_schema(operation_id=operation_id, summary=summary, **options)
    handler = schema(lambda view, request, **path: None)
    view = type(f"{operation_id}_view", (APIView,), {method: handler}).as_view()
    route = path.replace("{", "<str:").replace("}", ">")
    ENDPOINTS.append((path, route, method.upper(), view))


def add_endpoints(endpoints: list) -> list:
    """A preprocessing hook of drf-spectacular."""
    return [*endpoints, *ENDPOINTS]


def _v2_responses(success, *error_statuses: int) -> dict:
    responses = success if isinstance(success, dict) else {200: success}
    return responses | dict.fromkeys(error_statuses, serializers.V2ErrorSerializer)


describe(
    "get", "/v2", "v2_server", "Get the server's name, version and extensions", tags=[OIP],
    responses=_v2_responses(serializers.ServerSerializer, 401, 403, 503),
)  # fmt: skip
describe(
    "get", "/v2/models", "v2_models", "List the models live in staging and production", tags=[OIP],
    responses=_v2_responses(serializers.LiveModelsSerializer, 401, 403, 503),
)  # fmt: skip

TABLE = {"inputs": [{"name": "rows", "shape": [2, 4], "datatype": "FP64", "data": ROWS}]}
INFER = {
    "tags": [OIP],
    "description": "A model is named by its dataset, which means the production release, or by dataset and stage: "
    "`iris@dev`. Each input is a column of the model; a single two-dimensional input is a table of all columns in the "
    "model's order. Tensors are JSON or, with Triton's binary tensor extension, binary. "
    f"Without `outputs` the response has the output `{v2.OUTPUTS[0]}`.",
    "parameters": [
        OpenApiParameter(
            v2.JSON_SIZE, int, OpenApiParameter.HEADER,
            description="With binary tensors: the length of the JSON in bytes. The response has the same header.",
        )
    ],
    "request": {
        "application/json": serializers.InferenceRequestSerializer,
        "application/octet-stream": OpenApiTypes.BINARY,
    },
    "responses": _v2_responses(
        {
            (200, "application/json"): serializers.InferenceResponseSerializer,
            (200, "application/octet-stream"): bytes,
        },
        400, 401, 403, 404, 413, 415, 501, 503,
    ),
    "examples": [
        OpenApiExample("A table", TABLE, request_only=True, media_type="application/json"),
        OpenApiExample(
            "Columns, with probabilities",
            {
                "id": "42",
                "parameters": {"content_type": "pd"},
                "inputs": [
                    {"name": name, "shape": [2], "datatype": "FP64", "data": values}
                    for name, values in ROWS_BY_COLUMN.items()
                ],
                "outputs": [{"name": name} for name in v2.OUTPUTS],
            },
            request_only=True,
            media_type="application/json",
        ),
    ],
}  # fmt: skip
for model_path, suffix in (("/v2/models/{model}", ""), ("/v2/models/{model}/versions/{version}", "_version")):
    describe(
        "get", model_path, f"v2_model{suffix}", "Get the inputs and outputs of a live model", tags=[OIP],
        responses=_v2_responses(serializers.LiveModelSerializer, 400, 401, 403, 404, 503),
    )  # fmt: skip
    describe(
        "get", f"{model_path}/ready", f"v2_ready{suffix}", "Check whether a model is ready", tags=[OIP],
        responses=_v2_responses(serializers.ModelReadySerializer, 400, 401, 403, 404, 503),
    )  # fmt: skip
    describe("post", f"{model_path}/infer", f"v2_infer{suffix}", "Predict with tensors", **INFER)

describe(
    "get", "/v1/models", "v1_models", "List the models live in staging and production", tags=[KSERVE],
    responses=_v2_responses(serializers.LiveModelsSerializer, 401, 403, 503),
)  # fmt: skip
describe(
    "get", "/v1/models/{model}", "v1_ready", "Check whether a model is ready", tags=[KSERVE],
    responses=_v2_responses(serializers.ModelReadySerializer, 400, 401, 403, 404, 503),
)  # fmt: skip
describe(
    "post", "/v1/models/{model}:predict", "v1_predict", "Predict rows", tags=[KSERVE],
    request=serializers.InstancesSerializer,
    responses=_v2_responses(serializers.PredictionsSerializer, 400, 401, 403, 404, 413, 415, 503),
    examples=[OpenApiExample("Iris", {"instances": ROWS}, request_only=True)],
)  # fmt: skip
describe(
    "post", "/invocations", "invocations", "Predict in the formats of MLflow and SageMaker",
    tags=[MLFLOW],
    description="A CSV body without a header is in the order of the model's columns.",
    parameters=[
        OpenApiParameter(
            "X-Model", str, OpenApiParameter.HEADER,
            description="The model, such as `iris@staging`; without a stage, its production release. Default: the "
            "setting INVOCATIONS_MODEL.",
            examples=[OpenApiExample("Iris in dev", EXAMPLES["model"])],
        )
    ],
    request={"application/json": serializers.InvocationsSerializer, "text/csv": str, PARQUET: OpenApiTypes.BINARY},
    responses={
        200: serializers.PredictionsSerializer,
        **dict.fromkeys((400, 401, 403, 404, 413, 503), serializers.MLflowErrorSerializer),
        (415, "text/plain"): str,
    },
    examples=[
        OpenApiExample(name, value, request_only=True, media_type="application/json")
        for name, value in (
            ("dataframe_split", {"dataframe_split": {"columns": COLUMNS, "data": ROWS}}),
            ("dataframe_records", {"dataframe_records": [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]}),
            ("instances", {"instances": ROWS}),
            ("inputs", {"inputs": ROWS_BY_COLUMN}),
        )
    ] + [
        OpenApiExample("CSV", "\n".join([",".join(COLUMNS), *[",".join(map(str, row)) for row in ROWS]]),
                       request_only=True, media_type="text/csv"),
    ],
)  # fmt: skip
describe(
    "get", "/version", "version", "Get the platform's version", tags=[MLFLOW], auth=[],
    responses={(200, "text/plain"): str},
)  # fmt: skip
for path in ("/ping", "/health"):
    describe(
        "get", path, path.strip("/"), "Check whether the model of /invocations is ready", tags=[MLFLOW], auth=[],
        responses={200: None, 404: None},
    )  # fmt: skip
for path, operation_id, summary in (
    ("/metrics", "metrics", "Get the metrics of this machine in the Prometheus text format"),
    ("/metrics/jobs", "job_metrics", "Get the metrics of all jobs in the Prometheus text format"),
):
    describe(
        "get", path, operation_id, summary, tags=[OPERATIONS],
        auth=[{"token": []}, {"cookieAuth": []}],
        responses={(200, "text/plain"): str, 401: ErrorSerializer, 403: ErrorSerializer},
    )  # fmt: skip
for path in ("/livez", "/healthz"):
    describe(
        "get", path, path.strip("/"), "Check whether the process is alive", tags=[OPERATIONS], auth=[],
        responses=serializers.AliveSerializer,
    )  # fmt: skip
describe(
    "get", "/v2/health/live", "v2_live", "Check whether the process is alive", tags=[OIP], auth=[],
    responses=serializers.LiveSerializer,
)  # fmt: skip
for path, operation_id, tag in (
    ("/readyz", "readyz", OPERATIONS),
    ("/v2/health/ready", "v2_server_ready", OIP),
):
    describe(
        "get", path, operation_id, "Check whether the server is ready", tags=[tag], auth=[],
        responses={200: serializers.ReadinessSerializer, 503: serializers.ReadinessSerializer},
    )  # fmt: skip
