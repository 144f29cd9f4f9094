"""Read an ONNX file, in a child process: its inputs, outputs and classes, and what it must not contain."""

from collections.abc import Iterator

import numpy as np
from django.core.exceptions import ValidationError

from registry.imports.readers.loaded import FRAME, NUMBERS, Loaded

NUMERIC = {"tensor(float)", "tensor(double)"}
LABELS = {"tensor(int64)", "tensor(string)"}
# No limit of time or memory can be enforced in a web process, and what the import tries must be all that can happen.
REFUSED_OPERATORS = {
    "Loop": "a loop, which may never end",
    "If": "a branch, which the import may not have tried",
}
# The inputs that say how large a result is. A cell of a row must not: 1e9 would be gigabytes.
SIZES = {
    **dict.fromkeys(("BlackmanWindow", "ConstantOfShape", "HammingWindow", "HannWindow"), (0,)),
    **dict.fromkeys(("CenterCropPad", "DFT", "Expand", "OneHot", "Pad", "Tile", "Upsample"), (1,)),
    **dict.fromkeys(("MelWeightMatrix", "Range"), (0, 1, 2)),
    "Col2Im": (1,),
    "MaxUnpool": (2,),
    "Resize": (2, 3),
}
DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
CLASS_LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


def load(path: str, *, max_unpacked_mb: int) -> Loaded:
    """An estimator that runs the model. Raises ValidationError: invalid_model, unsupported_model, untrusted_type."""
    import onnx

    from registry.estimators.frameworks import onnx_model

    with open(path, "rb") as file:
        content = file.read()
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # of protobuf
        raise _invalid(error) from error
    check(model)
    try:
        session = onnx_model.session_of(content)
    except Exception as error:  # of classes that the binding of ONNX Runtime defines
        raise _invalid(error) from error
    names, count = _inputs(session.get_inputs())
    estimator = _estimator(content, session.get_outputs(), _classes(model))
    return Loaded(estimator, NUMBERS if names is None else FRAME, names, count)


def check(model) -> None:
    """Raise ValidationError (untrusted_type) for what is not in the file, operators of others, and what may not end."""
    for message in _messages(model):
        kind = message.DESCRIPTOR.name
        if kind == "TensorProto" and (message.data_location or message.external_data):
            raise _untrusted("data in other files; save it as one file")
        if kind != "NodeProto":
            continue
        if message.domain not in DOMAINS:
            raise _untrusted(
                f"the operator {message.op_type[:50]} of {message.domain[:50]}, which is not one of ONNX"
            )
        if message.op_type in REFUSED_OPERATORS:
            raise _untrusted(REFUSED_OPERATORS[message.op_type])
    _check_sizes(model.graph, {one.name for one in model.graph.initializer})
    for function in model.functions:
        _check_sizes(function, set())


def _check_sizes(graph, fixed: set[str]) -> None:
    """`fixed` are the names of values that follow from the file and from the number of rows, not from their cells."""
    fixed = fixed | {""}  # an input that is left out
    for node in graph.node:
        for place in SIZES.get(node.op_type, ()):
            if place < len(node.input) and node.input[place] not in fixed:
                raise _untrusted(f"the operator {node.op_type} with a size that the cells of a row would say")
        is_drawn = node.op_type.startswith("Random")
        if node.op_type in ("Shape", "Size") or (fixed.issuperset(node.input) and not is_drawn):
            fixed.update(node.output)
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else ())):
                _check_sizes(inner, fixed | {one.name for one in inner.initializer})


def _messages(root) -> Iterator:
    waiting = [root]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is None or field.message_type.GetOptions().map_entry:
                continue
            waiting += value if field.is_repeated else [value]


def _inputs(inputs: list) -> tuple[list[str] | None, int | None]:
    """The names of the columns and their number; no names if it takes one matrix of numbers."""
    from registry.estimators.frameworks.onnx_model import DTYPES

    for one in inputs:
        if one.type not in DTYPES:
            raise _unsupported(f"its input `{one.name[:50]}` is {one.type[:50]}, not a tensor of values")
    if len(inputs) == 1 and len(inputs[0].shape) == 2 and inputs[0].type in NUMERIC:
        count = inputs[0].shape[1]
        return None, count if isinstance(count, int) else None
    for one in inputs:
        if len(one.shape) not in (1, 2) or (len(one.shape) == 2 and one.shape[1] not in (1, None)):
            raise _unsupported(
                f"its input `{one.name[:50]}` has the shape {one.shape}; one column each is needed"
            )
    return [one.name for one in inputs], len(inputs)


def _estimator(content: bytes, outputs: list, classes: np.ndarray | None):
    from registry.estimators.frameworks.onnx_model import ONNXClassifier, ONNXRegressor

    label = next((one for one in outputs if one.type in LABELS), None)
    maps = next((one for one in outputs if one.type.startswith("seq(map(")), None)
    scores = maps or next((one for one in outputs if one.type in NUMERIC), None)
    width = scores.shape[1] if scores is not None and maps is None and len(scores.shape) == 2 else None
    if label is None and scores is not None and (width in (1, None) and maps is None):
        return ONNXRegressor.of(content, label=None, scores=scores.name)
    if scores is None:
        raise _unsupported("it has no probabilities of classes, and no number as its output")
    if classes is None and isinstance(width, int) and (label is None or label.type == "tensor(int64)"):
        classes = np.arange(width)
    if classes is None:
        raise _unsupported("its classes are not in the file")
    estimator = ONNXClassifier.of(content, label=label and label.name, scores=scores.name)
    estimator.classes_ = classes
    return estimator


def _classes(model) -> np.ndarray | None:
    """The labels of its classifier, in the order of the scores."""
    for message in _messages(model):
        if message.DESCRIPTOR.name == "AttributeProto" and message.name in CLASS_LABELS:
            if message.strings:
                return np.array([label.decode("utf-8", "replace") for label in message.strings])
            if message.ints:
                return np.array(message.ints, dtype=np.int64)
    return None


def _invalid(error: Exception) -> ValidationError:
    reason = " ".join(str(error).split())[:200]
    return ValidationError(f"The file cannot be read as an ONNX model: {reason}", code="invalid_model")


def _untrusted(reason: str) -> ValidationError:
    return ValidationError(f"The model contains {reason}.", code="untrusted_type")


def _unsupported(reason: str) -> ValidationError:
    return ValidationError(f"The model is not supported: {reason}.", code="unsupported_model")
