"""The Open Inference Protocol (version 2, REST), as KServe, MLServer and Triton speak it. Translation only.

github.com/kserve/open-inference-protocol; errors carry KServe's status codes. A model's name is its dataset, which is
its production release, or `dataset@stage`; its versions are the registry's numbers.
"""

from django.core.exceptions import ValidationError

from mlplatform import json_bodies
from registry.models import Release, Stage
from serving import prediction, resident
from serving.protocols import naming
from serving.protocols.tensors import COLUMN_TYPES, Tensor, Tensors, invalid, output

OUTPUTS = ("predict", "predict_proba")
SERVER = {"name": "ml-mini-platform", "version": "0.1.0", "extensions": ["binary_tensor_data"]}


def error_body(failure: dict, status: int) -> dict:
    return {
        "error": failure["fields"]["input_data"][0]
        if "input_data" in failure["fields"]
        else failure["detail"]
    }


def models() -> dict:
    """What is live in staging and production, under the names that answer."""
    live = Release.objects.live().exclude(stage=Stage.DEV).values_list("dataset__name", "stage")
    return {"models": sorted(name if stage == naming.DEFAULT else f"{name}@{stage}" for name, stage in live)}


def slot(model: str, version: str | None) -> resident.Slot:
    dataset, stage, number = naming.named(model, version)
    return resident.answering(dataset, stage=stage, number=number)


def ready(model: str, version: str | None) -> dict:
    slot(model, version)
    return {"name": model, "ready": True}


def metadata(model: str, version: str | None) -> dict:
    found = slot(model, version).model.version
    signature = found.signature
    outputs = [{"name": "predict", "datatype": _output_type(signature), "shape": [-1]}]
    if signature["probabilities"]:
        outputs.append(
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, len(signature["classes"])]}
        )
    return {
        "name": model,
        "versions": [str(found.number)],
        "platform": "sklearn",
        "inputs": [
            {"name": column["name"], "datatype": COLUMN_TYPES[column["type"]], "shape": [-1]}
            for column in signature["inputs"]
        ],
        "outputs": outputs,
    }


def _output_type(signature: dict) -> str:
    if signature["output"] != "class":
        return {"number": "FP64", "cluster": "INT64"}[signature["output"]]
    return {bool: "BOOL", int: "INT64", str: "BYTES"}.get(type(signature["classes"][0]), "FP64")


def infer(model: str, version: str | None, *, content: bytes, json_size: str | None, by) -> dict:
    """One inference. `json_size` is the header Inference-Header-Content-Length: binary tensors follow the JSON."""
    body, tensors = _read(content, json_size)
    wanted = _wanted(body.get("outputs"))
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
    told = {"model_name": model, "model_version": str(made.release.model_version.number)}
    if isinstance(body.get("id"), str):
        told["id"] = body["id"]
    offered = {
        "predict": lambda: output("predict", made.predictions, parameters=_classes(made)),
        "predict_proba": lambda: output(
            "predict_proba", made.probabilities, width=len(made.classes), parameters=_classes(made)
        ),
    }
    return told | {"outputs": [offered[name]() for name in wanted]}


def _classes(made: prediction.Prediction) -> dict | None:
    return {"classes": made.classes} if made.classes else None


def _wanted(outputs) -> list[str]:
    if not outputs:
        return ["predict"]
    if not isinstance(outputs, list) or not all(isinstance(given, dict) for given in outputs):
        raise invalid("`outputs` must be a list of objects.")
    names = [given.get("name") for given in outputs]
    for name in names:
        if name not in OUTPUTS:
            raise invalid(f"There is no output `{str(name)[:100]}`: it is predict or predict_proba.")
    return names


def _read(content: bytes, json_size: str | None) -> tuple[dict, Tensors]:
    """The JSON part of a body, and its tensors with the binary parts that follow."""
    raw = memoryview(b"")
    if json_size is not None:
        if not json_size.isascii() or not json_size.isdigit() or int(json_size) > len(content):
            raise invalid("Inference-Header-Content-Length is not the length of the JSON in the body.")
        content, raw = content[: int(json_size)], memoryview(content)[int(json_size) :]
    body = json_bodies.loads(content)
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), list) or not body["inputs"]:
        raise ValidationError("The body must be an object with a list of `inputs`.", code="invalid_input")
    inputs, at = [], 0
    for given in body["inputs"]:
        size = _binary_size(given)
        if size is None:
            inputs.append(Tensor.read(given, None))
        elif at + size > len(raw):
            raise invalid("The body has fewer bytes than its inputs say.")
        else:
            inputs.append(Tensor.read(given, raw[at : at + size]))
            at += size
    return body, Tensors(inputs)


def _binary_size(given) -> int | None:
    parameters = given.get("parameters") if isinstance(given, dict) else None
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise invalid("binary_data_size must be a whole number.")
    return size
