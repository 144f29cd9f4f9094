"""tritonclient[http]: what it asks of a server, and rows as it sends them."""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

given = json.load(sys.stdin)
headers = {"Authorization": f"Bearer {given['token']}"}
client = triton.InferenceServerClient(given["url"].removeprefix("http://"))
# It has no null: a missing number is NaN, so a whole number with gaps is FP64; a missing text is an empty one.
KINDS = given["kinds"] | {"length": "FP64"}
TYPES = {"FP64": np.float64, "BYTES": np.object_, "BOOL": np.bool_}
FULL = [row for row in given["rows"] if row[2] is not None]


def column(rows: list, place: int, *, binary: bool) -> triton.InferInput:
    name = given["names"][place]
    kind = KINDS[name]
    missing = {"FP64": np.nan, "BYTES": ""}.get(kind)
    values = [missing if row[place] is None else row[place] for row in rows]
    array = np.array(values, dtype=TYPES[kind]).reshape(-1, 1)
    tensor = triton.InferInput(name, list(array.shape), kind)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def infer(rows: list, *, binary: bool, outputs=None, **more):
    inputs = [column(rows, place, binary=binary) for place in range(len(given["names"]))]
    return client.infer("flowers", inputs, outputs=outputs, headers=dict(headers), **more)


def labels(result) -> list:
    return [value.decode() if isinstance(value, bytes) else value for value in result.as_numpy("predict")]


def array(datatype: str, values) -> list:
    tensor = triton.InferInput("x", list(values.shape), datatype)
    tensor.set_data_from_numpy(values)
    result = client.infer("numbers", [tensor], headers=dict(headers))
    return result.as_numpy("predict").tolist()


def fault(**change) -> list:
    try:
        client.infer(**change, headers=dict(headers))
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return []


both = [
    triton.InferRequestedOutput("predict", binary_data=False),
    triton.InferRequestedOutput("predict_proba", binary_data=True),
]
mixed = infer(given["rows"], binary=True, outputs=both, request_id="seven")
plain = [triton.InferRequestedOutput(name, binary_data=False) for name in ("predict", "predict_proba")]
listed = infer(FULL, binary=False, outputs=plain)
whole = np.array([[row[0], 1, row[2]] for row in given["numbers"]], dtype=np.int64)
gaps = np.array([[np.nan if value is None else value for value in row] for row in given["numbers"]])
answer = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model ready": client.is_model_ready("flowers", headers=dict(headers)),
    "version ready": client.is_model_ready("flowers", "1", headers=dict(headers)),
    "unknown ready": client.is_model_ready("none", headers=dict(headers)),
    "server": client.get_server_metadata(headers=dict(headers)),
    "model": client.get_model_metadata("flowers", headers=dict(headers)),
    "binary": labels(infer(given["rows"], binary=True)),
    "gzip": labels(infer(given["rows"], binary=True, request_compression_algorithm="gzip")),
    "deflate": labels(infer(given["rows"], binary=True, request_compression_algorithm="deflate")),
    "mixed": labels(mixed),
    "mixed id": mixed.get_response()["id"],
    "probabilities": mixed.as_numpy("predict_proba").tolist(),
    "json": labels(listed),
    "json probabilities": listed.as_numpy("predict_proba").tolist(),
    "array": array("FP64", gaps),
    "whole array": array("INT64", whole),
    "whole rows": whole.tolist(),
    "fault": fault(model_name="flowers", inputs=[column(FULL, 0, binary=True)]),
    "no model": fault(model_name="none", inputs=[column(FULL, 0, binary=True)]),
}
print(json.dumps(answer))
