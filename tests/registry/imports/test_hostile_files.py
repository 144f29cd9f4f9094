"""Files that are made to run code, to fill the memory or to crash a server: each is refused with a sentence."""

import io
import json
import operator
import os
import pickle
import zipfile

import joblib
import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mlplatform.jobs.children import calls
from registry.imports import formats, importing
from registry.imports.readers import contents, skops_files
from registry.models import ModelVersion
from tests.registry.imports.models import as_skops, flowers, prepared


def own_function(X):
    return X


def table():
    return flowers()[["length", "width"]], flowers()["species"]


def compressed(dumped: bytes) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(dumped, buffer, compress=3)
    return buffer.getvalue()


def rewritten(content: bytes, *, add=(), change=lambda schema: None, protocol=None) -> bytes:
    """A skops file with more members, and another schema."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                change(schema)
                data = json.dumps(schema)
            new.writestr(name, data)
        for name, data in add:
            new.writestr(name, data)
    return buffer.getvalue()


def load(content: bytes, tmp_path, **limits):
    path = tmp_path / "model.skops"
    path.write_bytes(content)
    return skops_files.load(str(path), **{"max_unpacked_mb": 100} | limits)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("model.skops", b"", "empty_file"),
        ("model.skops", pickle.dumps(LogisticRegression()), "pickle_refused"),
        ("model.pkl", b"cos\nsystem\n(S'true'\ntR.", "pickle_refused"),
        ("model.joblib", b"anything", "pickle_refused"),
        ("model.skops", compressed([1]), "pickle_refused"),
        ("model.skops", b"\x89PNG\r\n", "unknown_format"),
        ("model", b"a,b\n1,2\n", "unknown_format"),
    ],
    ids=range(7),
)
def test_pickles_and_other_files_are_refused_by_their_first_bytes(name, content, code):
    with pytest.raises(ValidationError) as error:
        formats.of_file(io.BytesIO(content), name)
    assert error.value.error_dict["file"][0].code == code
    assert code != "pickle_refused" or "skops.io.dump" in error.value.messages[0]


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (FunctionTransformer(os.system), "posix.system"),
        (FunctionTransformer(eval), "builtins.eval"),
        (FunctionTransformer(own_function), "own_function"),
        (FunctionTransformer(operator.methodcaller("to_pickle", "x")), "operator.methodcaller"),
        (FunctionTransformer(operator.attrgetter("a.b")), "operator.attrgetter"),
        (FunctionTransformer(LogisticRegression().fit), "LogisticRegression"),
        (KNeighborsClassifier(), "sklearn.neighbors._classification.KNeighborsClassifier"),
        (SVC(), "sklearn.svm._classes.SVC"),
    ],
    ids=range(8),
)
def test_what_the_list_does_not_name_is_not_built(tmp_path, step, name):
    with pytest.raises(ValidationError) as error:
        load(as_skops(make_pipeline(step, LogisticRegression())), tmp_path)
    assert error.value.code == "untrusted_type"
    assert name in error.value.message


def test_numeric_functions_are_trusted(tmp_path):
    X, y = table()
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(X, y)
    assert (load(as_skops(model), tmp_path).estimator.predict(X) == model.predict(X)).all()


@pytest.mark.parametrize(
    "estimator", [SGDClassifier(), MLPClassifier(max_iter=2), GaussianProcessClassifier()], ids=range(3)
)
def test_the_parts_of_fitted_estimators_are_trusted(tmp_path, estimator):
    X, y = table()
    model = estimator.fit(X, y)
    assert (load(as_skops(model), tmp_path).estimator.predict(X) == model.predict(X)).all()


def test_columns_that_were_selected_by_their_types_are_trusted(tmp_path):
    X = pandas.DataFrame({"length": [1.0, 2, 3, 4], "colour": list("abab")})
    words = make_column_selector(pattern="col", dtype_exclude="number")
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include=np.number)), (OneHotEncoder(), words)
    )
    model = make_pipeline(columns, LogisticRegression()).fit(X, [0, 1, 1, 0])
    assert (load(as_skops(model), tmp_path).estimator.predict(X) == model.predict(X)).all()


def test_a_type_that_calls_itself_trusted_is_not(tmp_path):
    """The names of the loader and of the class are the file's; each is looked up on its own."""

    def change(schema):
        schema["content"]["content"]["C"] = {
            "__class__": "system", "__module__": "os", "__loader__": "JsonNode2", "content": "1", "trusted": True,
        }  # fmt: skip

    with pytest.raises(ValidationError) as error:
        load(rewritten(as_skops(LogisticRegression()), change=change), tmp_path)
    assert "`os.system`" in error.value.message


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04" + bytes(100), "BadZipFile"),
        (as_skops(LogisticRegression())[:-40], "BadZipFile"),
        (rewritten(as_skops(LogisticRegression()), add=[("../evil", b"1")]), "is outside of it"),
        (rewritten(as_skops(LogisticRegression()), add=[("/etc/evil", b"1")]), "is outside of it"),
        (
            rewritten(as_skops(LogisticRegression()), change=lambda one: one.update(protocol=0)),
            "another protocol",
        ),
        (rewritten(as_skops(LogisticRegression()), change=dict.clear), "another protocol"),
        (rewritten(as_skops(LogisticRegression()), change=lambda one: one.pop("__loader__")), "KeyError"),
    ],
    ids=range(7),
)
def test_damaged_archives_are_refused(tmp_path, content, sentence):
    with pytest.raises(ValidationError) as error:
        load(content, tmp_path)
    assert sentence in error.value.message


def test_an_archive_that_unpacks_to_more_than_its_limit_is_refused(tmp_path):
    bomb = rewritten(as_skops(LogisticRegression()), add=[("big.npy", bytes(3 * 1024**2))])
    assert len(bomb) < 100_000
    with pytest.raises(ValidationError) as error:
        load(bomb, tmp_path, max_unpacked_mb=2)
    assert error.value.message == "The file unpacks to 4 MB; the limit is 2 MB."


def test_deep_nesting_is_refused(tmp_path):
    deep = b'{"protocol": 2, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", deep)
    with pytest.raises(ValidationError) as error:
        load(buffer.getvalue(), tmp_path)
    assert "RecursionError" in error.value.message


@pytest.mark.parametrize("field", ["left_child", "right_child", "feature"])
@pytest.mark.parametrize("value", [10**6, 0, -7])
def test_a_tree_that_leads_out_of_its_nodes_is_refused(field, value):
    X, y = table()
    model = DecisionTreeClassifier().fit(X, y)
    state = model.tree_.__getstate__()
    state["nodes"][field][0] = value
    model.tree_.__setstate__(state)
    if (field, value) == ("feature", 0):  # the column that it splits on already, or another one that there is
        return contents.check(model)
    with pytest.raises(ValidationError) as error:
        contents.check(model)
    assert error.value.code == "damaged_model"
    return None


def test_a_histogram_tree_that_leads_out_of_its_nodes_is_refused():
    from sklearn.ensemble import HistGradientBoostingClassifier

    X, y = table()
    model = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=2).fit(X, y)
    contents.check(model)
    model._predictors[0][0].nodes["left"][0] = 10**6
    with pytest.raises(ValidationError):
        contents.check(model)


def test_texts_cannot_stall_a_vectorizer():
    with pytest.raises(ValidationError) as error:
        contents.check(CountVectorizer(token_pattern=r"(a+)+$"))
    assert error.value.code == "untrusted_type"
    vectorizer = CountVectorizer().fit(["one two"])
    vectorizer.vocabulary_["one"] = 10**9
    with pytest.raises(ValidationError):
        contents.check(vectorizer)


def test_a_process_that_dies_is_reported_and_leaves_nothing(monkeypatch, make_dataset, admin):
    def die(child, timeout_s):
        raise calls.ChildDied("SIGKILL")

    monkeypatch.setattr(calls, "result", die)
    with pytest.raises(ValidationError) as error:
        importing.import_model(
            io.BytesIO(as_skops(prepared())),
            filename="m.skops",
            source=make_dataset(),
            by=admin,
            target="species",
        )
    assert "ended with SIGKILL" in error.value.message_dict["file"][0]
    assert not ModelVersion.objects.exists()
