"""The Open Inference Protocol (version 2, REST), as KServe, MLServer and Triton speak it. Translation only.

github.com/kserve/open-inference-protocol; errors carry KServe's status codes. A model's name is its dataset, which is
its production release, or `dataset@stage`; its versions are the registry's numbers.
"""

import uuid
from dataclasses import dataclass

import orjson
from django.core.exceptions import ValidationError
from django.db import close_old_connections

from registry.models import Release, Stage
from serving import prediction
from serving.model_cache.cache import CacheEntry, shared_cache
from serving.protocols import bodies, naming
from serving.protocols.tensors import Tensor, Tensors, invalid, output

JSON_SIZE = "Inference-Header-Content-Length"
OUTPUTS = ("predict", "predict_proba")
NOT_OFFERED = "Classification outputs and shared memory are not offered."
SERVER = {"name": "ml-mini-platform", "version": "0.1.0", "extensions": ["binary_tensor_data"]}
COLUMN_TYPES = {"number": "FP64", "integer": "INT64", "text": "BYTES", "boolean": "BOOL", "date": "BYTES"}


class NotOffered(ValidationError):
    status = 501


@dataclass(frozen=True)
class Inference:
    """A response: its JSON, and the binary tensors that follow it."""

    body: dict
    binary: list[bytes]


def error_body(failure: dict, status: int) -> dict:
    return {"error": " ".join(failure["fields"].get("input_data") or [failure["detail"]])}


def models() -> dict:
    """What is live in staging and production, under the names that answer."""
    close_old_connections()  # nobody else does in the lane
    live = Release.objects.live().exclude(stage=Stage.DEV).values_list("dataset__name", "stage")
    return {"models": sorted(name if stage == naming.DEFAULT else f"{name}@{stage}" for name, stage in live)}


def entry(model: str, version: str | None) -> CacheEntry:
    dataset, stage, number = naming.named(model, version)
    return shared_cache().get(dataset, stage=stage, version=number)


def ready(model: str, version: str | None) -> dict:
    entry(model, version)
    return {"name": model, "ready": True}


def metadata(model: str, version: str | None) -> dict:
    found = entry(model, version).model.version
    signature = found.signature
    outputs = [_described("predict", output_type(signature))]
    if signature["probabilities"]:
        outputs.append(_described("predict_proba", "FP64", width=len(signature["classes"])))
    return {
        "name": model,
        "versions": [str(found.number)],
        "platform": "sklearn",
        "inputs": [
            _described(column["name"], COLUMN_TYPES[column["type"]]) for column in signature["inputs"]
        ],
        "outputs": outputs,
    }


def _described(name: str, datatype: str, *, width: int | None = None) -> dict:
    return {"name": name, "datatype": datatype, "shape": [-1] if width is None else [-1, width]}


def output_type(signature: dict) -> str:
    if signature["output"] != "class":
        return {"number": "FP64", "cluster": "INT64"}[signature["output"]]
    return {bool: "BOOL", int: "INT64", str: "BYTES"}.get(type(signature["classes"][0]), "FP64")


def infer(model: str, version: str | None, *, content: bytes, json_size: str | None, by) -> Inference:
    """One inference. `json_size` is the header Inference-Header-Content-Length: binary tensors follow the JSON."""
    body, raw = _parts(content, json_size)
    tensors = _tensors(body, raw)
    wanted = _wanted(body)
    dataset, stage, number = naming.named(model, version)
    made = prediction.predict(
        dataset,
        stage=stage,
        version=number,
        rows=tensors,
        by=by,
        probabilities="predict_proba" in wanted,
        protocol="v2",
    )
    answered = [_output(name, made, binary=binary) for name, binary in wanted.items()]
    told = {
        "model_name": model,
        "model_version": str(made.release.model_version.number),
        "id": body.get("id") or str(uuid.uuid4()),
        "outputs": [tensor for tensor, _ in answered],
    }
    return Inference(told, [raw for _, raw in answered if raw is not None])


def _output(name: str, made: prediction.Prediction, *, binary: bool) -> tuple[dict, bytes | None]:
    """The classes go with probabilities, as JSON in a text: the protocol's parameters are no lists."""
    classes = {"classes": orjson.dumps(made.classes).decode()} if made.classes else {}
    if name == "predict_proba":
        return output(
            name,
            made.probabilities,
            datatype="FP64",
            width=len(made.classes),
            parameters=classes,
            binary=binary,
        )
    datatype = output_type(made.release.model_version.signature)
    return output(name, made.predictions, datatype=datatype, parameters=classes, binary=binary)


def _parts(content: bytes, json_size: str | None) -> tuple[dict, memoryview]:
    """The JSON part of a body, checked as far as its top, and the bytes that follow."""
    raw = memoryview(b"")
    if json_size is not None:
        if not (json_size.isascii() and json_size.isdigit() and len(json_size) < 13):
            raise invalid(f"{JSON_SIZE} must be a number.")
        if int(json_size) > len(content):
            raise invalid(f"{JSON_SIZE} is more than the body has.")
        content, raw = content[: int(json_size)], memoryview(content)[int(json_size) :]
    body = bodies.loads(content)
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), list) or not body["inputs"]:
        raise invalid("The body must be an object with a list of `inputs`.")
    if not isinstance(body.get("id"), str | None):
        raise invalid("`id` must be text.")
    return body, raw


def _tensors(body: dict, raw: memoryview) -> Tensors:
    inputs, at = [], 0
    for given in body["inputs"]:
        parameters = _parameters(given, "inputs")
        if parameters.get("shared_memory_region"):
            raise NotOffered(NOT_OFFERED, code="not_offered")
        size = parameters.get("binary_data_size")
        if size is None:
            inputs.append(Tensor.read(given, None))
            continue
        if type(size) is not int or size < 0:
            raise invalid("binary_data_size must be a whole number.")
        if at + size > len(raw):
            raise invalid("The body has fewer bytes than its inputs say.")
        inputs.append(Tensor.read(given, raw[at : at + size]))
        at += size
    if at < len(raw):
        raise invalid("The body has more bytes than its inputs say.")
    return Tensors(inputs, as_columns=_parameters(body, "the request").get("content_type") == "pd")


def _parameters(given, what: str) -> dict:
    parameters = given.get("parameters") if isinstance(given, dict) else None
    if not isinstance(parameters, dict | None):
        raise invalid(f"The parameters of {what} must be an object.")
    return parameters or {}


def _wanted(body: dict) -> dict[str, bool]:
    """The outputs that are asked for, and whether each is to be binary."""
    all_binary = _parameters(body, "the request").get("binary_data_output") is True
    outputs = body.get("outputs") or [{"name": "predict"}]
    if not isinstance(outputs, list) or not all(isinstance(given, dict) for given in outputs):
        raise invalid("`outputs` must be a list of objects.")
    wanted = {}
    for given in outputs:
        name, parameters = given.get("name"), _parameters(given, "outputs")
        if name not in OUTPUTS:
            raise invalid(f"There is no output `{str(name)[:100]}`: it is predict or predict_proba.")
        if name in wanted:
            raise invalid(f"The output `{name}` is asked for twice.")
        if parameters.get("classification") or parameters.get("shared_memory_region"):
            raise NotOffered(NOT_OFFERED, code="not_offered")
        wanted[name] = parameters.get("binary_data", all_binary) is True
    return wanted
