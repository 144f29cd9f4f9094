"""What OpenAPI says of the protocols and probes. They are answered in the fast lane, without DRF; this describes them.

Each call is told by an APIView that nothing serves, because drf-spectacular reads those.
"""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.views import APIView

from mlplatform.openapi import ErrorSerializer
from serving.protocols import invocations, shapes, v2

OIP, KSERVE, MLFLOW, OPERATIONS = "open inference protocol", "kserve v1", "mlflow", "operations"
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
COLUMNS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
BY_COLUMN = dict(zip(COLUMNS, map(list, zip(*ROWS, strict=True)), strict=True))
PARQUET = invocations.PARQUET[0]
ENDPOINTS = []


def call(method: str, path: str, name: str, summary: str, **about) -> None:
    """One more call to be described; `about` is what extend_schema takes."""
    about = {"auth": [{"token": []}]} | about
    described = extend_schema(operation_id=name, summary=summary, **about)(lambda view, request, **path: None)
    shell = type(f"{name}_shell", (APIView,), {method: described})
    typed = path.replace("{", "<str:").replace("}", ">")
    ENDPOINTS.append((path, typed, method.upper(), shell.as_view()))


def with_protocols(endpoints: list) -> list:
    """A preprocessing hook of drf-spectacular."""
    return [*endpoints, *ENDPOINTS]


def _of_v2(*failures: int, ok) -> dict:
    told = ok if isinstance(ok, dict) else {200: ok}
    return told | dict.fromkeys(failures, shapes.FaultSerializer)


call(
    "get",
    "/v2",
    "v2_server",
    "Name, version and extensions",
    tags=[OIP],
    responses=_of_v2(401, 403, 503, ok=shapes.ServerSerializer),
)
call(
    "get", "/v2/models", "v2_models", "What is live in staging and production", tags=[OIP],
    responses=_of_v2(401, 403, 503, ok=shapes.LiveModelsSerializer),
)  # fmt: skip

TABLE = {"inputs": [{"name": "rows", "shape": [2, 4], "datatype": "FP64", "data": ROWS}]}
INFER = {
    "tags": [OIP],
    "description": "A model is named by its dataset, which is its production release, or with a stage: `iris@dev`. "
    "Each input is a column of the model, or one input of two dimensions is all of them in their order. Tensors come "
    "and go as JSON or by Triton's extension in binary. "
    f"Without `outputs` the answer is `{v2.OUTPUTS[0]}`.",
    "parameters": [
        OpenApiParameter(
            v2.JSON_SIZE, int, OpenApiParameter.HEADER,
            description="With binary tensors: how many bytes of the body are JSON. The same header is in the answer.",
        )
    ],
    "request": {"application/json": shapes.InferenceRequestSerializer, "application/octet-stream": OpenApiTypes.BINARY},
    "responses": _of_v2(
        400, 401, 403, 404, 413, 415, 501, 503,
        ok={(200, "application/json"): shapes.InferenceResponseSerializer, (200, "application/octet-stream"): bytes},
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
                    for name, values in BY_COLUMN.items()
                ],
                "outputs": [{"name": name} for name in v2.OUTPUTS],
            },
            request_only=True,
            media_type="application/json",
        ),
    ],
}  # fmt: skip
for place, suffix in (("/v2/models/{model}", ""), ("/v2/models/{model}/versions/{version}", "_version")):
    known = _of_v2(400, 401, 403, 404, 503, ok=shapes.LiveModelSerializer)
    call("get", place, f"v2_model{suffix}", "Inputs and outputs of a live model", tags=[OIP], responses=known)
    is_ready = _of_v2(400, 401, 403, 404, 503, ok=shapes.ModelReadySerializer)
    call(
        "get",
        f"{place}/ready",
        f"v2_ready{suffix}",
        "Whether a model answers",
        tags=[OIP],
        responses=is_ready,
    )
    call("post", f"{place}/infer", f"v2_infer{suffix}", "Predict with tensors", **INFER)

call(
    "get", "/v1/models", "v1_models", "What is live in staging and production", tags=[KSERVE],
    responses=_of_v2(401, 403, 503, ok=shapes.LiveModelsSerializer),
)  # fmt: skip
call(
    "get", "/v1/models/{model}", "v1_ready", "Whether a model answers", tags=[KSERVE],
    responses=_of_v2(400, 401, 403, 404, 503, ok=shapes.ModelReadySerializer),
)  # fmt: skip
call(
    "post", "/v1/models/{model}:predict", "v1_predict", "Predict rows", tags=[KSERVE],
    request=shapes.InstancesSerializer,
    responses=_of_v2(400, 401, 403, 404, 413, 415, 503, ok=shapes.PredictionsSerializer),
    examples=[OpenApiExample("Iris", {"instances": ROWS}, request_only=True)],
)  # fmt: skip
call(
    "post", "/invocations", "invocations", "Predict as MLflow and SageMaker ask",
    tags=[MLFLOW],
    description="A CSV body without a header is in the order of the model's columns.",
    parameters=[
        OpenApiParameter(
            "X-Model", str, OpenApiParameter.HEADER,
            description="Such as `iris@staging`; without a stage it is production. The setting INVOCATIONS_MODEL when "
            "left out.",
            examples=[OpenApiExample("Iris in dev", "iris@dev")],
        )
    ],
    request={"application/json": shapes.InvocationsSerializer, "text/csv": str, PARQUET: OpenApiTypes.BINARY},
    responses={
        200: shapes.PredictionsSerializer,
        **dict.fromkeys((400, 401, 403, 404, 413, 503), shapes.MLflowFaultSerializer),
        (415, "text/plain"): str,
    },
    examples=[
        OpenApiExample(name, value, request_only=True, media_type="application/json")
        for name, value in (
            ("dataframe_split", {"dataframe_split": {"columns": COLUMNS, "data": ROWS}}),
            ("dataframe_records", {"dataframe_records": [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]}),
            ("instances", {"instances": ROWS}),
            ("inputs", {"inputs": BY_COLUMN}),
        )
    ] + [
        OpenApiExample("CSV", "\n".join([",".join(COLUMNS), *[",".join(map(str, row)) for row in ROWS]]),
                       request_only=True, media_type="text/csv"),
    ],
)  # fmt: skip
call(
    "get", "/version", "version", "The platform's version", tags=[MLFLOW], auth=[],
    responses={(200, "text/plain"): str},
)  # fmt: skip
for path in ("/ping", "/health"):
    call(
        "get", path, path.strip("/"), "Whether the model of /invocations can answer", tags=[MLFLOW], auth=[],
        responses={200: None, 404: None},
    )  # fmt: skip
call(
    "get", "/metrics", "metrics", "What Prometheus scrapes", tags=[OPERATIONS],
    auth=[{"token": []}, {"cookieAuth": []}],
    responses={(200, "text/plain"): str, 401: ErrorSerializer, 403: ErrorSerializer},
)  # fmt: skip
for path in ("/livez", "/healthz"):
    call(
        "get", path, path.strip("/"), "Whether the process answers", tags=[OPERATIONS], auth=[],
        responses=shapes.AliveSerializer,
    )  # fmt: skip
call(
    "get",
    "/v2/health/live",
    "v2_live",
    "Whether the process answers",
    tags=[OIP],
    auth=[],
    responses=shapes.LiveSerializer,
)
for path, name, tag in (("/readyz", "readyz", OPERATIONS), ("/v2/health/ready", "v2_server_ready", OIP)):
    call(
        "get", path, name, "Whether requests can be answered", tags=[tag], auth=[],
        responses={200: shapes.ReadinessSerializer, 503: shapes.ReadinessSerializer},
    )  # fmt: skip
