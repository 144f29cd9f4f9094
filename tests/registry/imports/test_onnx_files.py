"""Models in ONNX: by the names of columns or as one matrix, and what they must not contain."""

import io
import subprocess
import sysconfig
import threading

import joblib
import pandas
import pytest
import yaml
from django.core.exceptions import ValidationError

from registry.imports import adapter, formats
from registry.imports.importing import import_model
from registry.imports.readers import onnx_files
from registry.mlflow import model_files
from registry.models import ModelVersion
from tests.conformance.conftest import PYTHON

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
h, T = onnx.helper, onnx.TensorProto
FILES = "/api/2.0/mlflow-artifacts/artifacts"
MODULE = "code/registry/estimators/frameworks/onnx_model.py"
OPSETS = [h.make_opsetid("", 17), h.make_opsetid("ai.onnx.ml", 3)]
STRINGS, INTS = {"classlabels_strings": ["rose", "tulip"]}, {"classlabels_ints": [0, 1]}


def value(name: str, kind: int, *shape):
    return h.make_tensor_value_info(name, kind, shape)


def as_file(nodes, inputs, outputs, **graph) -> bytes:
    graph = h.make_graph(nodes, "g", inputs, outputs, **graph)
    return h.make_model(graph, opset_imports=OPSETS, ir_version=9).SerializeToString()


def classifier(labels=STRINGS, *, columns=False, zipmap=False) -> bytes:
    """Roses are longer than 7.5: of one matrix, or of two columns."""
    coefficients = {"coefficients": [1.0, 0.0, -1.0, 0.0], "intercepts": [-7.5, 7.5]}
    options = {"post_transform": "SOFTMAX", "domain": "ai.onnx.ml", **coefficients, **labels}
    nodes = [h.make_node("LinearClassifier", ["X"], ["label", "p"], **options)]
    inputs = [value("X", T.FLOAT, None, 2)]
    if columns:
        nodes.insert(0, h.make_node("Concat", ["length", "width"], ["X"], axis=1))
        inputs = [value(name, T.FLOAT, None, 1) for name in ("length", "width")]
    outputs = [value("label", T.STRING if labels is STRINGS else T.INT64, None)]
    if zipmap:
        nodes.append(h.make_node("ZipMap", ["p"], ["maps"], domain="ai.onnx.ml", **STRINGS))
        kind = h.make_map_type_proto(T.STRING, h.make_tensor_type_proto(T.FLOAT, []))
        outputs.append(h.make_value_info("maps", h.make_sequence_type_proto(kind)))
    else:
        outputs.append(value("p", T.FLOAT, None, 2))
    return as_file(nodes, inputs, outputs)


def regressor(width=2) -> bytes:
    nodes = [h.make_node("ReduceSum", ["X", "axes"], ["y"], keepdims=1)]
    axes = [h.make_tensor("axes", T.INT64, [1], [1])]
    return as_file(
        nodes, [value("X", T.FLOAT, None, width)], [value("y", T.FLOAT, None, 1)], initializer=axes
    )


def load(content: bytes, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    return onnx_files.load(str(path), max_unpacked_mb=10)


@pytest.fixture
def bring(admin, make_dataset):
    def bring(content, **fields):
        fields = {"filename": "m.onnx", "source": make_dataset(), "by": admin, "target": "species"} | fields
        return import_model(io.BytesIO(content), **fields)

    return bring


@pytest.mark.parametrize("options", [{}, {"columns": True}, {"columns": True, "zipmap": True}], ids=range(3))
def test_a_classifier_is_imported_and_predicts(bring, api, options):
    fields = {} if options else {"features": ["length", "width"]}
    version = bring(classifier(**options), **fields)
    assert (version.algorithm, version.module, version.imported_format) == (
        "ONNXClassifier",
        "onnxruntime",
        "onnx",
    )
    assert (version.features, version.signature["classes"]) == (["length", "width"], ["rose", "tulip"])
    assert version.metrics["accuracy"] == 1
    assert "onnxruntime" in version.libraries
    body = {
        "dataset_name": "flowers",
        "environment": "dev",
        "input_data": {"features": [[5, 1.5], [10, 1.6]]},
    }
    assert api.post("/predict", body).json()["predictions"] == ["tulip", "rose"]


def test_classes_can_be_named_and_numbers_are_predicted(bring):
    version = bring(classifier(INTS), features=["length", "width"], classes=["rose", "tulip"])
    assert (version.metrics["accuracy"], version.signature["probabilities"]) == (1, True)
    version = bring(regressor(1), target="width", features=["length"])
    assert (version.task, version.algorithm) == ("regression", "ONNXRegressor")


def test_a_classifier_without_probabilities_for_gaps_is_refused_with_their_columns():
    class Uncertain:
        classes_ = [0, 1]

        def predict(self, rows):
            return [0] * len(rows)

        def predict_proba(self, rows):
            return [[value, 1 - value] for value in rows["width"]]

    rows = pandas.DataFrame({"length": [1.0, 2], "width": [0.5, float("nan")]})
    with pytest.raises(ValidationError) as error:
        adapter.check_outputs(Uncertain(), rows, task="classification")
    assert "no probabilities for rows with missing values, such as in `width`." in error.value.messages[0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"features": ["length", "colour"]}, "features"),
        ({}, "features"),
        ({"target": "width"}, "target_column"),
    ],
    ids=range(3),
)
def test_columns_and_targets_that_do_not_fit_are_refused(bring, fields, field):
    with pytest.raises(ValidationError) as error:
        bring(classifier(), **{"features": None} | fields)
    assert list(error.value.message_dict) in ([field], ["features"])
    assert not ModelVersion.objects.exists()


def test_an_artifact_predicts_in_any_thread(tmp_path):
    estimator = load(classifier(columns=True), tmp_path).estimator
    estimator.predict(pandas.DataFrame({"length": [5.0], "width": [1.0]}))
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    copy, found = joblib.load(file), []
    rows = pandas.DataFrame({"length": [5.0, 10.0], "width": [1.0, 1.0]})
    threads = [threading.Thread(target=lambda: found.append(copy.predict(rows).tolist())) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [["tulip", "rose"]] * 4


def test_texts_with_gaps_are_empty_texts(tmp_path):
    nodes = [
        h.make_node("LabelEncoder", ["colour"], ["y"], domain="ai.onnx.ml", keys_strings=["red", ""],
                    values_floats=[1.0, 2.0], default_float=3.0)
    ]  # fmt: skip
    loaded = load(
        as_file(nodes, [value("colour", T.STRING, None, 1)], [value("y", T.FLOAT, None, 1)]), tmp_path
    )
    assert (loaded.names, loaded.cells) == (["colour"], "frame")
    rows = pandas.DataFrame({"colour": pandas.Series(["red", None, "blue"], dtype="str")})
    assert loaded.estimator.predict(rows).tolist() == [1, 2, 3]


def external() -> bytes:
    model = onnx.load_model_from_string(classifier(columns=True))
    tensor = h.make_tensor("w", T.FLOAT, [1], [1.0])
    tensor.data_location = T.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    model.graph.initializer.append(tensor)
    return model.SerializeToString()


def endless() -> bytes:
    body = h.make_graph(
        [h.make_node("Identity", ["go"], ["go_on"])], "body",
        [value("i", T.INT64), value("go", T.BOOL)], [value("go_on", T.BOOL)],
    )  # fmt: skip
    true = h.make_tensor("true", T.BOOL, [], [True])
    nodes = [h.make_node("Loop", ["", "true"], [], body=body), h.make_node("Identity", ["X"], ["y"])]
    return as_file(nodes, [value("X", T.FLOAT, None, 2)], [value("y", T.FLOAT, None, 1)], initializer=[true])


def custom() -> bytes:
    nodes = [h.make_node("Run", ["X"], ["y"], domain="com.evil")]
    return as_file(nodes, [value("X", T.FLOAT, None, 2)], [value("y", T.FLOAT, None, 1)])


def sized(*, by_cells: bool) -> bytes:
    """Its result has a row for each row, or as many as a cell says."""
    size = [h.make_node("Cast", ["largest"], ["size"], to=T.INT64)] if by_cells else []
    nodes = [
        h.make_node("ReduceMax", ["X", "axes"], ["largest"], keepdims=1),
        *(size or [h.make_node("Shape", ["largest"], ["size"])]),
        h.make_node("ConstantOfShape", ["size"], ["y"]),
    ]
    axes = [h.make_tensor("axes", T.INT64, [1], [1])]
    graph = {"initializer": axes if not by_cells else [h.make_tensor("axes", T.INT64, [2], [0, 1])]}
    return as_file(nodes, [value("X", T.FLOAT, None, 2)], [value("y", T.FLOAT, None, 1)], **graph)


def branching() -> bytes:
    body = h.make_graph([h.make_node("Identity", ["X"], ["z"])], "body", [], [value("z", T.FLOAT, None, 2)])
    nodes = [h.make_node("If", ["true"], ["y"], then_branch=body, else_branch=body)]
    true = h.make_tensor("true", T.BOOL, [], [True])
    return as_file(nodes, [value("X", T.FLOAT, None, 2)], [value("y", T.FLOAT, None, 2)], initializer=[true])


def test_a_size_that_follows_from_the_number_of_rows_is_accepted():
    onnx_files.check(onnx.load_model_from_string(sized(by_cells=False)))


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (external, "untrusted_type", "data in other files"),
        (endless, "untrusted_type", "a loop, which may never end"),
        (branching, "untrusted_type", "a branch"),
        (lambda: sized(by_cells=True), "untrusted_type", "ConstantOfShape with a size that the cells"),
        (custom, "untrusted_type", "the operator Run of com.evil"),
        (lambda: classifier()[:-30], "invalid_model", "cannot be read as an ONNX model"),
        (lambda: b"\x08\x09\x12" + bytes(50), "invalid_model", "cannot be read as an ONNX model"),
    ],
    ids=range(7),
)
def test_what_leaves_the_file_or_never_ends_is_refused(tmp_path, content, code, sentence):
    with pytest.raises(ValidationError) as error:
        load(content(), tmp_path)
    assert (error.value.code, sentence in error.value.message) == (code, True)


def test_the_format_is_that_of_the_content():
    assert formats.of_file(io.BytesIO(regressor()), "model").name == "onnx"


def test_mlflow_gets_the_module_that_loads_the_pipeline(bring, api):
    bring(classifier(columns=True))
    folders, path = [], "flowers/1"
    while found := api.get(FILES, {"path": path}).json()["files"]:
        [inner] = [one for one in found if one["is_dir"] or path != "flowers/1"]
        folders.append(inner["path"])
        path = f"{path}/{inner['path']}"
    assert "/".join(folders) == MODULE
    content = b"".join(api.get(f"{FILES}/{path}").streaming_content).decode()
    assert "class ONNXClassifier" in content
    assert "\nfrom registry" not in content  # it needs nothing else of ours
    flavors = yaml.safe_load(b"".join(api.get(f"{FILES}/flowers/1/MLmodel").streaming_content))["flavors"]
    assert {flavor["code"] for flavor in flavors.values()} == {"code"}


def test_mlflow_loads_a_model_in_onnx_without_the_platform(bring, api, tmp_path):
    if not PYTHON.exists():
        pytest.skip("needs the environment of the conformance tests")
    version = bring(classifier(columns=True))
    for file in model_files.files(version):
        path = tmp_path / "model" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(file.blocks()))
    script = (
        "import sys, mlflow, pandas; sys.path.append(sys.argv[1]); rows = pandas.DataFrame("
        "{'length': [5, 9], 'width': [1.5, 1.6]}); print(mlflow.pyfunc.load_model('model').predict(rows).tolist())"
    )
    packages = sysconfig.get_path("purelib")  # that environment has no ONNX Runtime
    done = subprocess.run(
        [PYTHON, "-P", "-W", "ignore", "-c", script, packages], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "['tulip', 'rose']", done.stderr
