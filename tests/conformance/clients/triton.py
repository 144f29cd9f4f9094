"""tritonclient[http]: its health and metadata calls, and rows as it sends them."""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

case = json.load(sys.stdin)
headers = {"Authorization": f"Bearer {case['token']}"}
client = triton.InferenceServerClient(case["url"].removeprefix("http://"))
# It has no null: a missing number is NaN, so integers with missing values are FP64; a missing text is empty.
KINDS = case["kinds"] | {"length": "FP64"}
TYPES = {"FP64": np.float64, "BYTES": np.object_, "BOOL": np.bool_}
WITH_COLOUR = [row for row in case["rows"] if row[2] is not None]


def column(rows: list, index: int, *, binary: bool) -> triton.InferInput:
    name = case["names"][index]
    kind = KINDS[name]
    missing = {"FP64": np.nan, "BYTES": ""}.get(kind)
    values = [missing if row[index] is None else row[index] for row in rows]
    array = np.array(values, dtype=TYPES[kind]).reshape(-1, 1)
    tensor = triton.InferInput(name, list(array.shape), kind)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def infer(rows: list, *, binary: bool, outputs=None, **more):
    inputs = [column(rows, index, binary=binary) for index in range(len(case["names"]))]
    return client.infer("flowers", inputs, outputs=outputs, headers=dict(headers), **more)


def labels(result) -> list:
    return [value.decode() if isinstance(value, bytes) else value for value in result.as_numpy("predict")]


def array(datatype: str, values) -> list:
    tensor = triton.InferInput("x", list(values.shape), datatype)
    tensor.set_data_from_numpy(values)
    result = client.infer("numbers", [tensor], headers=dict(headers))
    return result.as_numpy("predict").tolist()


def error(**request) -> list:
    try:
        client.infer(**request, headers=dict(headers))
    except InferenceServerException as exception:
        return [exception.status(), exception.message()]
    return []


outputs = [
    triton.InferRequestedOutput("predict", binary_data=False),
    triton.InferRequestedOutput("predict_proba", binary_data=True),
]
mixed = infer(case["rows"], binary=True, outputs=outputs, request_id="seven")
json_outputs = [triton.InferRequestedOutput(name, binary_data=False) for name in ("predict", "predict_proba")]
as_json = infer(WITH_COLOUR, binary=False, outputs=json_outputs)
whole = np.array([[row[0], 1, row[2]] for row in case["numbers"]], dtype=np.int64)
with_missing = np.array([[np.nan if value is None else value for value in row] for row in case["numbers"]])
results = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model ready": client.is_model_ready("flowers", headers=dict(headers)),
    "version ready": client.is_model_ready("flowers", "1", headers=dict(headers)),
    "unknown ready": client.is_model_ready("none", headers=dict(headers)),
    "server": client.get_server_metadata(headers=dict(headers)),
    "model": client.get_model_metadata("flowers", headers=dict(headers)),
    "binary": labels(infer(case["rows"], binary=True)),
    "gzip": labels(infer(case["rows"], binary=True, request_compression_algorithm="gzip")),
    "deflate": labels(infer(case["rows"], binary=True, request_compression_algorithm="deflate")),
    "mixed": labels(mixed),
    "mixed id": mixed.get_response()["id"],
    "probabilities": mixed.as_numpy("predict_proba").tolist(),
    "json": labels(as_json),
    "json probabilities": as_json.as_numpy("predict_proba").tolist(),
    "array": array("FP64", with_missing),
    "whole array": array("INT64", whole),
    "whole rows": whole.tolist(),
    "error": error(model_name="flowers", inputs=[column(WITH_COLOUR, 0, binary=True)]),
    "no model": error(model_name="none", inputs=[column(WITH_COLOUR, 0, binary=True)]),
}
print(json.dumps(results))
