"""KServe's V1 protocol, the one of TensorFlow Serving: rows as `instances`. Translation only.

Model names and error bodies are those of the V2 protocol (v2.py).
"""

from mlplatform.validation import unknown_names
from serving import prediction
from serving.inputs.sources import invalid
from serving.protocols import invocations, json_with_nan, naming


def predict(model: str, *, content: bytes, by) -> dict:
    """Predictions for {"instances": rows}: lists in the signature's order or objects keyed by column name."""
    body = json_with_nan.parse_json(content)
    if isinstance(body, dict):
        unknown_names.check(body, ("instances",))
    if not isinstance(body, dict) or not isinstance(body.get("instances"), list):
        raise invalid("The body must be an object with a list of `instances`.")
    dataset, stage, _ = naming.resolve(model)
    rows = invocations.parse_instances(body["instances"])
    result = prediction.predict(dataset, stage=stage, rows=rows, by=by, protocol="v1")
    return {"predictions": result.predictions}
