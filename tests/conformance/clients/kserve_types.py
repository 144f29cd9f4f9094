"""kserve: its client, its request and response types, and its models of every response."""

import asyncio
import json
import sys

import httpx
import numpy as np
import orjson
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from kserve.protocol.rest import v2_datamodels as models

case = json.load(sys.stdin)
headers = {"Authorization": f"Bearer {case['token']}"}
url = case["url"]
KINDS = case["kinds"] | {"length": "FP64"}
TYPES = {"FP64": np.float64, "BYTES": np.object_, "BOOL": np.bool_}


def column(index: int, *, binary: bool) -> InferInput:
    name = case["names"][index]
    kind = KINDS[name]
    values = [row[index] for row in case["rows"]]
    if kind == "BYTES" and not binary:  # a list can contain null
        return InferInput(name, [len(values)], kind, data=values)
    missing = {"FP64": np.nan, "BYTES": ""}.get(kind)
    array = np.array([missing if value is None else value for value in values], dtype=TYPES[kind])
    tensor = InferInput(name, list(array.shape), kind)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def request(*, binary: bool, outputs=None, **more) -> InferRequest:
    columns = [column(index, binary=binary) for index in range(len(case["names"]))]
    return InferRequest("flowers", columns, request_outputs=outputs, **more)


def parsed(model, path: str):
    response = httpx.get(url + path, headers=headers)
    return model.model_validate_json(response.content).model_dump()


def error(method: str, path: str, **more) -> list:
    response = httpx.request(method, url + path, headers=headers, **more)
    return [response.status_code, response.json()]


async def v1() -> dict:
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    body = {"instances": case["rows"]}
    rows = await client.infer(url, body, model_name="flowers", headers=dict(headers))
    by_name = [dict(zip(case["names"], row, strict=True)) for row in case["rows"]]
    objects = await client.infer(url, {"instances": by_name}, model_name="flowers", headers=dict(headers))
    return {
        "v1": rows["predictions"],
        "v1 by name": objects["predictions"],
        "v1 ready": await client.is_model_ready(url, "flowers", headers=headers),
        "v1 models": parsed(models.ListModelsResponse, "/v1/models"),
        "v1 errors": [
            error("POST", "/v1/models/flowers:predict", content=b'{"instances": 5}'),
            error("POST", "/v1/models/none:predict", content=b'{"instances": [[1]]}'),
            error("GET", "/v1/models/flowers:predict"),
            error("POST", "/v1/models/flowers:explain", content=b"{}"),
        ],
    }


async def main() -> dict:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))

    async def infer(message: InferRequest):
        return await client.infer(url, message, model_name="flowers", headers=dict(headers))

    outputs = [
        RequestedOutput("predict", {"binary_data": True}),
        RequestedOutput("predict_proba", {"binary_data": True}),
    ]
    binary = await infer(request(binary=True, outputs=outputs))
    listed = await infer(request(binary=False, request_id="nine"))
    forced = await infer(request(binary=False, parameters={"binary_data_output": True}))
    body, _ = request(binary=False).to_rest()
    body["inputs"] = body["inputs"][1:]
    return {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model ready": await client.is_model_ready(url, "flowers", headers=headers),
        "binary": binary.outputs[0].as_numpy().tolist(),
        "probabilities": binary.outputs[1].as_numpy().tolist(),
        "json": listed.outputs[0].data,
        "id": listed.id,
        "binary output": forced.outputs[0].as_numpy().tolist(),
        "missing": error("POST", "/v2/models/flowers/infer", content=orjson.dumps(body)),
    }


def read_with_models() -> dict:
    body = {
        "inputs": [
            {"name": name, "shape": [50], "datatype": case["kinds"][name], "data": list(values)}
            for name, values in zip(case["names"], zip(*case["rows"], strict=True), strict=True)
        ],
        "outputs": [{"name": "predict"}, {"name": "predict_proba"}],
    }
    models.InferenceRequest.model_validate(body)
    content = httpx.post(f"{url}/v2/models/flowers/infer", json=body, headers=headers).content
    response = models.InferenceResponse.model_validate_json(content)
    return {
        "response": response.model_dump(),
        "server": parsed(models.ServerMetadataResponse, "/v2"),
        "model": parsed(models.ModelMetadataResponse, "/v2/models/flowers"),
        "version": parsed(models.ModelMetadataResponse, "/v2/models/flowers/versions/1"),
        "models": parsed(models.ListModelsResponse, "/v2/models"),
        "model ready type": parsed(models.ModelReadyResponse, "/v2/models/flowers/ready"),
        "live type": parsed(models.ServerLiveResponse, "/v2/health/live"),
        "ready type": parsed(models.ServerReadyResponse, "/v2/health/ready"),
        "errors": [
            error("GET", "/v2/models/none"),
            error("GET", "/v2/models/none/ready"),
            error("GET", "/v2/models/flowers/infer"),
            error("GET", "/v2/models/flowers/nothing"),
            error("GET", "/v2/nothing"),
            error("POST", "/v2/models/flowers/infer", content=b"{"),
        ],
    }


print(
    json.dumps(
        asyncio.run(main()) | asyncio.run(v1()) | read_with_models(), default=lambda value: value.decode()
    )
)
