"""The Open Inference Protocol (V2, REST), as KServe, MLServer and Triton implement it. Translation only.

github.com/kserve/open-inference-protocol; the status codes are KServe's. A model is named by its dataset, which means
its production release, or by `dataset@stage`; its versions are the registry's numbers.
"""

import uuid
from dataclasses import dataclass

import orjson
from django.core.exceptions import ValidationError
from django.db import close_old_connections

from mlplatform.validation import integers, unknown_names
from registry.models import Release, Stage
from serving import prediction
from serving.inputs.sources import invalid
from serving.model_cache.cache import CacheEntry, shared_cache
from serving.protocols import json_with_nan, naming
from serving.protocols.tensors import Tensor, Tensors, output

JSON_SIZE = "Inference-Header-Content-Length"
OUTPUTS = ("predict", "predict_proba")
# `parameters` can have any key. KServe's client sends `model_name`, which the protocol does not have.
REQUEST_FIELDS = ("id", "parameters", "inputs", "outputs", "model_name")
OUTPUT_FIELDS = ("name", "parameters")
UNSUPPORTED_OPTION = "Classification outputs and shared memory are not supported."
SERVER = {"name": "ml-mini-platform", "version": "0.1.0", "extensions": ["binary_tensor_data"]}
COLUMN_TYPES = {"number": "FP64", "integer": "INT64", "text": "BYTES", "boolean": "BOOL", "date": "BYTES"}


class NotSupported(ValidationError):
    status = 501


@dataclass(frozen=True)
class Inference:
    """A response: its JSON, and the binary tensors that follow it."""

    body: dict
    binary: list[bytes]


def error_body(failure: dict, status: int) -> dict:
    """The ERROR_BODIES of /v1 and /v2: all sentences as one string."""
    return {"error": " ".join(failure["fields"].get("input_data") or [failure["detail"]])}


def models() -> dict:
    """The names of the models that are live in staging and production."""
    close_old_connections()  # the fast path has no request signals
    live = Release.objects.live().exclude(stage=Stage.DEV).values_list("dataset__name", "stage")
    names = (name if stage == naming.DEFAULT_STAGE else f"{name}@{stage}" for name, stage in live)
    return {"models": sorted(names)}


def cache_entry(model: str, version: str | None) -> CacheEntry:
    dataset, stage, number = naming.resolve(model, version)
    return shared_cache().get(dataset, stage=stage, version=number)


def ready(model: str, version: str | None) -> dict:
    """Load the model if necessary. Raises what ModelCache.get() raises."""
    cache_entry(model, version)
    return {"name": model, "ready": True}


def metadata(model: str, version: str | None) -> dict:
    """The inputs and outputs of a live model, with their datatypes and shapes (-1 is any number of rows)."""
    model_version = cache_entry(model, version).model.version
    signature = model_version.signature
    outputs = [_tensor_metadata("predict", output_type(signature))]
    if signature["probabilities"]:
        outputs.append(_tensor_metadata("predict_proba", "FP64", width=len(signature["classes"])))
    return {
        "name": model,
        "versions": [str(model_version.number)],
        "platform": "sklearn",
        "inputs": [
            _tensor_metadata(column["name"], COLUMN_TYPES[column["type"]]) for column in signature["inputs"]
        ],
        "outputs": outputs,
    }


def _tensor_metadata(name: str, datatype: str, *, width: int | None = None) -> dict:
    return {"name": name, "datatype": datatype, "shape": [-1] if width is None else [-1, width]}


def output_type(signature: dict) -> str:
    """The datatype of the output `predict`."""
    if signature["output"] != "class":
        return {"number": "FP64", "cluster": "INT64"}[signature["output"]]
    return {bool: "BOOL", int: "INT64", str: "BYTES"}.get(type(signature["classes"][0]), "FP64")


def infer(model: str, version: str | None, *, content: bytes, json_size: str | None, by) -> Inference:
    """Run one inference request.

    `json_size` is the header Inference-Header-Content-Length: binary tensors follow the JSON. Raises ValidationError,
    NotSupported, and what prediction.predict() raises.
    """
    body, binary = _split_content(content, json_size)
    tensors = _read_tensors(body, binary)
    requested = _requested_outputs(body)
    dataset, stage, number = naming.resolve(model, version)
    result = prediction.predict(
        dataset,
        stage=stage,
        version=number,
        rows=tensors,
        by=by,
        probabilities="predict_proba" in requested,
        protocol="v2",
    )
    outputs = [_output(name, result, binary=is_binary) for name, is_binary in requested.items()]
    response = {
        "model_name": model,
        "model_version": str(result.release.model_version.number),
        "id": body.get("id") or str(uuid.uuid4()),
        "outputs": [tensor for tensor, _ in outputs],
    }
    return Inference(response, [raw for _, raw in outputs if raw is not None])


def _output(name: str, result: prediction.Prediction, *, binary: bool) -> tuple[dict, bytes | None]:
    """An output tensor. The class labels are a JSON string, since parameters of the protocol cannot be lists."""
    classes = {"classes": orjson.dumps(result.classes).decode()} if result.classes else {}
    if name == "predict_proba":
        return output(
            name,
            result.probabilities,
            datatype="FP64",
            width=len(result.classes),
            parameters=classes,
            binary=binary,
        )
    datatype = output_type(result.release.model_version.signature)
    return output(name, result.predictions, datatype=datatype, parameters=classes, binary=binary)


def _split_content(content: bytes, json_size: str | None) -> tuple[dict, memoryview]:
    """The JSON of a body, with its top level checked, and the binary data that follows."""
    binary = memoryview(b"")
    if json_size is not None:
        size = integers.parse(json_size)
        if size is None:
            raise invalid(f"{JSON_SIZE} must be a number.")
        if size > len(content):
            raise invalid(f"{JSON_SIZE} is larger than the body.")
        content, binary = content[:size], memoryview(content)[size:]
    body = json_with_nan.parse_json(content)
    if isinstance(body, dict):
        unknown_names.check(body, REQUEST_FIELDS)
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), list) or not body["inputs"]:
        raise invalid("The body must be an object with a non-empty list of `inputs`.")
    if not isinstance(body.get("id"), str | None):
        raise invalid("`id` must be a string.")
    return body, binary


def _read_tensors(body: dict, binary: memoryview) -> Tensors:
    inputs, offset = [], 0
    for tensor in body["inputs"]:
        parameters = _parameters(tensor, "inputs")
        if parameters.get("shared_memory_region"):
            raise NotSupported(UNSUPPORTED_OPTION, code="not_offered")
        size = parameters.get("binary_data_size")
        if size is None:
            inputs.append(Tensor.read(tensor, None))
            continue
        if type(size) is not int or size < 0:
            raise invalid("binary_data_size must be an integer of at least 0.")
        if offset + size > len(binary):
            raise invalid("The body has fewer bytes than its inputs declare.")
        inputs.append(Tensor.read(tensor, binary[offset : offset + size]))
        offset += size
    if offset < len(binary):
        raise invalid("The body has more bytes than its inputs declare.")
    return Tensors(inputs, as_columns=_parameters(body, "the request").get("content_type") == "pd")


def _parameters(value, owner: str) -> dict:
    parameters = value.get("parameters") if isinstance(value, dict) else None
    if not isinstance(parameters, dict | None):
        raise invalid(f"The parameters of {owner} must be an object.")
    return parameters or {}


def _requested_outputs(body: dict) -> dict[str, bool]:
    """The names of the requested outputs, and whether each is to be binary."""
    all_binary = _parameters(body, "the request").get("binary_data_output") is True
    outputs = body.get("outputs") or [{"name": "predict"}]
    if not isinstance(outputs, list) or not all(isinstance(item, dict) for item in outputs):
        raise invalid("`outputs` must be a list of objects.")
    requested = {}
    for item in outputs:
        unknown_names.check(item, OUTPUT_FIELDS, prefix="outputs.")
        name, parameters = item.get("name"), _parameters(item, "outputs")
        if name not in OUTPUTS:
            raise invalid(f"Unknown output `{str(name)[:100]}`; use predict or predict_proba.")
        if name in requested:
            raise invalid(f"The output `{name}` is requested twice.")
        if parameters.get("classification") or parameters.get("shared_memory_region"):
            raise NotSupported(UNSUPPORTED_OPTION, code="not_offered")
        requested[name] = parameters.get("binary_data", all_binary) is True
    return requested
