"""The files of a model version as MLflow stores a model: `MLmodel`, the pickled pipeline, its requirements, an example.

They are generated when they are read, so every version has them. The pipeline needs scikit-learn and pandas only; that
of a model in ONNX needs a module of ours, which is one of its files.
"""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from uuid import NAMESPACE_URL, uuid5

import yaml
from django.core.exceptions import ValidationError

from mlplatform.errors import NotFound
from mlplatform.validation import integers
from mlplatform.validation.serializers import MAX_VERSION
from registry import artifacts
from registry.mlflow import search
from registry.models import ModelVersion

PIPELINE = "model.pkl"
ONNX_MODULE = "registry.estimators.frameworks.onnx_model"  # without an import of ours
CODE = "code"  # the folder that MLflow adds to the path of modules
ONNX_CODE = f"{CODE}/{ONNX_MODULE.replace('.', '/')}.py"
BLOCK = 1024**2  # bytes
# MLflow's clients unpickle a model; ours is a joblib file, whose arrays pickle cannot read. This is a pickle of
# joblib.load(io.BytesIO(CONTENT)): protocol 4, two globals, the content as BINBYTES8, two calls.
_GLOBALS = b"\x80\x04\x8c\x06joblib\x8c\x04load\x93\x8c\x02io\x8c\x07BytesIO\x93\x8e"
_CALLS = b"\x85R\x85R."
# As MLflow infers a signature from a frame. A frame has integers and booleans with gaps in several types, and dates as
# text or as times: MLflow rejects all but one of them, and the pipeline takes them all.
TYPES = {"integer": "long", "number": "double", "boolean": "boolean", "text": "string", "date": "any"}
OUTPUTS = {"number": "double", "cluster": "long"}
OF_CLASSES = {"integer": "long", "number": "double", "boolean": "boolean"}


@dataclass(frozen=True)
class ModelFile:
    """A file of a version; `blocks` raises what artifacts.open_verified() raises."""

    name: str
    size: int
    blocks: Callable[[], Iterator[bytes]]


def find(path: str) -> tuple[ModelVersion, str]:
    """The version and the file or folder of a path, such as `iris/3/MLmodel`; it is empty for `iris/3`.

    Raises ValidationError for a path that leaves its folder, and NotFound.
    """
    parts = path.removesuffix("/").split("/")
    if "\\" in path or "%" in path or {"", ".", ".."}.intersection(parts):
        raise ValidationError("Invalid path.", code="invalid_path")
    dataset, number, *names = parts if len(parts) >= 2 else ["", ""]
    if integers.parse(number) is None or int(number) > MAX_VERSION:
        raise NotFound("There is no such artifact.", code="artifact_not_found")
    return ModelVersion.objects.numbered(dataset, int(number)), "/".join(names)


def files(version: ModelVersion) -> list[ModelFile]:
    """All files of a version, by name."""
    return [file(version, name) for name in sorted({PIPELINE, *_TEXTS, *_code(version)})]


def listed(version: ModelVersion, folder: str) -> list[dict]:
    """What is in a folder of a version, of which "" is the root, as MLflow lists it; nothing is in a file.

    Raises NotFound for a path of folders that there are not.
    """
    prefix, found = f"{folder}/" if folder else "", {}
    if "/" in folder and not f"{ONNX_CODE}/".startswith(prefix):
        raise NotFound("There is no such artifact.", code="artifact_not_found")
    for one in files(version):
        if one.name.startswith(prefix):
            name, _, rest = one.name.removeprefix(prefix).partition("/")
            found[name] = {"path": name, "is_dir": bool(rest)} | ({} if rest else {"file_size": one.size})
    return list(found.values())


def file(version: ModelVersion, name: str) -> ModelFile:
    """One file of a version. Raises NotFound."""
    if name == PIPELINE:
        head = _GLOBALS + struct.pack("<Q", version.artifact_size)
        size = len(head) + version.artifact_size + len(_CALLS)
        return ModelFile(name, size, lambda: _pickle(version, head))
    texts = _TEXTS | _code(version)
    if name not in texts:
        raise NotFound("There is no such artifact.", code="artifact_not_found")
    content = texts[name](version).encode()
    return ModelFile(name, len(content), lambda: iter([content]))


def _pickle(version: ModelVersion, head: bytes) -> Iterator[bytes]:
    # Opened before the first block, so that an error has a status.
    return _blocks(head, artifacts.open_verified(version, version.release.key))


def _blocks(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield head
        while block := file.read(BLOCK):
            yield block
        yield _CALLS


def _code(version: ModelVersion) -> dict[str, Callable[[ModelVersion], str]]:
    """The module of ours that the pipeline of a model in ONNX needs."""
    if version.imported_format != "onnx":
        return {}
    return {ONNX_CODE: lambda version: Path(find_spec(ONNX_MODULE).origin).read_text()}


def _mlmodel(version: ModelVersion) -> dict:
    python = version.libraries["python"]
    code = CODE if _code(version) else None
    flavors = {
        "sklearn": {
            "code": code,
            "pickled_model": PIPELINE,
            "serialization_format": "pickle",
            "sklearn_version": version.libraries["scikit-learn"],
        }
    }
    if version.signature["can_predict"]:
        flavors["python_function"] = {
            "code": code,
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            "loader_module": "mlflow.sklearn",
            "model_path": PIPELINE,
            "predict_fn": "predict",
            "python_version": python,
        }
    source = search.source_of(version.dataset.name, version.number)
    return {
        "artifact_path": source,
        "flavors": flavors,
        "metadata": {"dataset": version.dataset.name, "version": version.number, "task": version.task},
        "model_size_bytes": version.artifact_size,
        "model_uuid": uuid5(NAMESPACE_URL, f"{source}#{version.artifact_sha256}").hex,
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        },
        "signature": _signature(version.signature),
        "utc_time_created": version.trained_at.strftime("%Y-%m-%d %H:%M:%S.%f"),
    }


def _signature(signature: dict) -> dict:
    inputs = [
        {"type": _input_type(column), "name": column["name"], "required": True}
        for column in signature["inputs"]
    ]
    target = signature["target"]
    output = OUTPUTS.get(signature["output"]) or OF_CLASSES.get(target and target["type"], "string")
    outputs = [{"type": "tensor", "tensor-spec": {"dtype": _dtype(output), "shape": [-1]}}]
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}


def _input_type(column: dict) -> str:
    if column["nullable"] and column["type"] in {"integer", "boolean"}:
        return "any"
    return TYPES[column["type"]]


def _dtype(output: str) -> str:
    return {"double": "float64", "long": "int64", "boolean": "bool", "string": "object"}[output]


def _example(version: ModelVersion) -> dict:
    row = version.signature["example"]
    return {"columns": list(row), "data": [list(row.values())]}


def _requirements(version: ModelVersion) -> list[str]:
    """Exact versions of what the artifact depends on, and MLflow of any version."""
    pinned = [f"{name}=={number}" for name, number in version.libraries.items() if name != "python"]
    return ["mlflow", *pinned]


def _conda(version: ModelVersion) -> dict:
    python = version.libraries["python"]
    dependencies = [f"python={python}", "pip", {"pip": _requirements(version)}]
    return {"channels": ["conda-forge"], "dependencies": dependencies, "name": "mlflow-env"}


def _python_env(version: ModelVersion) -> dict:
    return {
        "python": version.libraries["python"],
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }


def _yaml(value: dict) -> str:
    return yaml.safe_dump(value, sort_keys=False)


_TEXTS: dict[str, Callable[[ModelVersion], str]] = {
    "MLmodel": lambda version: _yaml(_mlmodel(version)),
    "conda.yaml": lambda version: _yaml(_conda(version)),
    "input_example.json": lambda version: json.dumps(_example(version)),
    "python_env.yaml": lambda version: _yaml(_python_env(version)),
    "requirements.txt": lambda version: "\n".join([*_requirements(version), ""]),
    "serving_input_example.json": lambda version: json.dumps({"dataframe_split": _example(version)}),
}
