"""predict(): exactly what the fitted pipeline gives, from the live release."""

import joblib
import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from catalog.models import Dataset
from mlplatform import storage
from mlplatform.errors import NotFound
from registry.artifacts import ArtifactRefused
from registry.promotion import promote
from serving.prediction import predict

ROW = {"length": 9, "width": 1.6, "colour": "blue"}


@pytest.fixture
def ask(admin):
    def call(rows=(ROW,), *, stage="dev", by=None, **fields):
        return predict(
            Dataset.objects.get(name="flowers"), stage=stage, rows=list(rows), by=by or admin, **fields
        )

    return call


def raw(version):
    return joblib.load(storage.models().path(version.release.key))


def test_predictions_are_those_of_the_artifact(make_version, ask, flowers_frame):
    version = make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})
    rows = flowers_frame.drop(columns="species").astype(object).where(flowers_frame.notna(), None)
    made = ask(rows.to_dict("records"), probabilities=True)
    assert made.predictions == raw(version).predict(flowers_frame).tolist()
    assert made.probabilities == raw(version).predict_proba(flowers_frame).tolist()
    assert made.classes == ["rose", "tulip"]


def test_the_order_of_keys_does_not_matter(make_version, ask):
    make_version()
    reverse = dict(reversed(ROW.items()))
    assert ask([ROW], probabilities=True).probabilities == ask([reverse], probabilities=True).probabilities


def test_missing_values_and_unseen_categories_are_fine(make_version, ask):
    make_version()
    rows = [ROW | {"colour": "ultraviolet"}, dict.fromkeys(ROW)]
    assert set(ask(rows).predictions) <= {"tulip", "rose"}


@pytest.mark.parametrize(
    ("values", "type_"),
    [(["yes", "no"], str), ([10, 20], int), (["true", "false"], bool), ([0.5, 1.5], float)],
)
def test_classes_and_numbers_keep_the_type_of_the_file(make_dataset, make_version, ask, values, type_):
    table = "x,y\n" + "".join(f"{i % 2},{values[i % 2]}\n" for i in range(20))
    class_name = "DecisionTreeRegressor" if type_ is float else "DecisionTreeClassifier"
    make_version(make_dataset(content=table), class_name=class_name)
    assert [type(value) for value in ask([[0], [1]]).predictions] == [type_, type_]


def test_each_stage_answers_with_its_own_version(make_version, make_dataset, admin, ask):
    source = make_dataset()
    promote(make_version(source), stage="staging", by=admin)
    make_version(source)
    assert ask(stage="dev").release.model_version.number == 2
    assert ask(stage="staging").release.model_version.number == 1


def test_an_older_version_is_asked_for_by_number(make_version, make_dataset, ask):
    source = make_dataset()
    make_version(source)
    make_version(source)
    assert ask(version=1).release.model_version.number == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"stage": "production"}, "No version"), ({"version": 7}, "Version 7 .* never live")],
)
def test_what_is_not_live_is_not_found(make_version, ask, fields, words):
    make_version()
    with pytest.raises(NotFound, match=words):
        ask(**fields)


def test_an_unknown_stage_is_named(make_version, ask):
    make_version()
    with pytest.raises(ValidationError, match="no stage `prod`"):
        ask(stage="prod")


def test_a_clusterer_that_cannot_assign_new_rows_says_so(make_version, ask):
    make_version(module="cluster", class_name="DBSCAN")
    with pytest.raises(ValidationError, match="DBSCAN cannot assign new rows"):
        ask([[1, 1, "red", "rose"]])


def test_a_model_without_probabilities_says_so(make_version, ask):
    make_version(module="svm", class_name="LinearSVC")
    with pytest.raises(ValidationError, match="gives no probabilities"):
        ask(probabilities=True)


def test_a_changed_artifact_is_refused(make_version, ask):
    from tests.registry.test_promotion import tamper

    tamper(make_version().release.key)
    with pytest.raises(ArtifactRefused):
        ask()


def test_a_resident_model_answers_without_the_object_store(make_version, ask, broken_storage):
    make_version()
    before = ask().predictions
    with broken_storage("trained-models"):
        assert ask().predictions == before


@pytest.mark.parametrize(("column", "value", "kind"), [
    ("length", None, "imputed"), ("colour", None, "imputed"),
    ("colour", "ultraviolet", "unseen_category"), ("width", 99, "out_of_range"),
])  # fmt: skip
def test_what_is_odd_in_a_row_comes_back_when_asked(make_version, ask, column, value, kind):
    make_version()
    made = ask([ROW, ROW | {column: value}], warnings=True)
    assert made.warnings == [{"row": 2, "column": column, "kind": kind}]
    assert ask([ROW]).warnings is None


def test_a_number_that_the_estimator_refuses_is_a_sentence(make_version, ask):
    make_version()
    with pytest.raises(ValidationError, match="too far from"):
        ask([ROW | {"length": 1e300}])


def test_somebody_without_a_role_may_not_predict(make_version, make_user, ask):
    make_version()
    with pytest.raises(PermissionDenied):
        ask(by=make_user(None))
    assert ask(by=make_user("viewer")).predictions
