"""KServe's first protocol, which it took over from TensorFlow Serving: rows as `instances`. Translation only.

Names of models and bodies of failures are those of the second (v2.py).
"""

from serving import prediction
from serving.protocols import bodies, invocations, naming
from serving.protocols.tensors import invalid


def predict(model: str, *, content: bytes, by) -> dict:
    """Predictions for {"instances": rows}, each a list in the signature's order or an object by column name."""
    body = bodies.loads(content)
    if not isinstance(body, dict) or not isinstance(body.get("instances"), list):
        raise invalid("The body must be an object with a list of `instances`.")
    dataset, stage, _ = naming.named(model)
    rows = invocations.instances(body["instances"])
    return {
        "predictions": prediction.predict(dataset, stage=stage, rows=rows, by=by, protocol="v1").predictions
    }
