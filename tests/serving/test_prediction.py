"""predict(): the output of the fitted pipeline, from the live release."""

import joblib
import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from catalog.models import Dataset
from mlplatform import storage
from mlplatform.errors import NotFound
from registry.artifacts import ArtifactRefused
from registry.releases.promotion import promote
from serving.prediction import predict

ROW = {"length": 9, "width": 1.6, "colour": "blue"}


@pytest.fixture
def predict_flowers(admin):
    def call(rows=(ROW,), *, stage="dev", by=None, **fields):
        return predict(
            Dataset.objects.get(name="flowers"), stage=stage, rows=list(rows), by=by or admin, **fields
        )

    return call


def raw(version):
    return joblib.load(storage.models().path(version.release.key))


def test_predictions_equal_those_of_the_fitted_pipeline(make_version, predict_flowers, flowers_frame):
    version = make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})
    rows = flowers_frame.drop(columns="species").astype(object).where(flowers_frame.notna(), None)
    result = predict_flowers(rows.to_dict("records"), probabilities=True)
    assert result.predictions == raw(version).predict(flowers_frame).tolist()
    assert result.probabilities == raw(version).predict_proba(flowers_frame).tolist()
    assert result.classes == ["rose", "tulip"]


def test_the_order_of_keys_in_a_row_does_not_matter(make_version, predict_flowers):
    make_version()
    results = [predict_flowers([row], probabilities=True) for row in (ROW, dict(reversed(ROW.items())))]
    assert results[0].probabilities == results[1].probabilities


def test_missing_values_and_unseen_categories_are_accepted(make_version, predict_flowers):
    make_version()
    rows = [ROW | {"colour": "ultraviolet"}, dict.fromkeys(ROW)]
    assert set(predict_flowers(rows).predictions) <= {"tulip", "rose"}


@pytest.mark.parametrize(
    ("values", "type_"),
    [(["yes", "no"], str), ([10, 20], int), (["true", "false"], bool), ([0.5, 1.5], float)],
)
def test_predictions_have_the_type_of_the_target_column(
    make_dataset, make_version, predict_flowers, values, type_
):
    table = "x,y\n" + "".join(f"{i % 2},{values[i % 2]}\n" for i in range(20))
    class_name = "DecisionTreeRegressor" if type_ is float else "DecisionTreeClassifier"
    make_version(make_dataset(content=table), class_name=class_name)
    assert [type(value) for value in predict_flowers([[0], [1]]).predictions] == [type_, type_]


def test_each_stage_predicts_with_its_own_version(make_version, make_dataset, admin, predict_flowers):
    source = make_dataset()
    promote(make_version(source), stage="staging", by=admin)
    make_version(source)
    assert predict_flowers(stage="dev").release.model_version.number == 2
    assert predict_flowers(stage="staging").release.model_version.number == 1


def test_an_older_version_is_selected_by_number(make_version, make_dataset, predict_flowers):
    source = make_dataset()
    make_version(source)
    make_version(source)
    assert predict_flowers(version=1).release.model_version.number == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"stage": "production"}, "No version"), ({"version": 7}, "Version 7 .* never live")],
)
def test_predicting_without_a_live_release_raises_not_found(make_version, predict_flowers, fields, words):
    make_version()
    with pytest.raises(NotFound, match=words):
        predict_flowers(**fields)


def test_an_unknown_stage_is_rejected_by_name(make_version, predict_flowers):
    make_version()
    with pytest.raises(ValidationError, match="Unknown stage `prod`"):
        predict_flowers(stage="prod")


def test_a_clusterer_that_cannot_predict_is_rejected_with_an_alternative(make_version, predict_flowers):
    make_version(module="cluster", class_name="DBSCAN")
    with pytest.raises(ValidationError, match="DBSCAN cannot assign new rows"):
        predict_flowers([[1, 1, "red", "rose"]])


def test_probabilities_of_a_model_without_them_are_rejected(make_version, predict_flowers):
    make_version(module="svm", class_name="LinearSVC")
    with pytest.raises(ValidationError, match="does not support probabilities"):
        predict_flowers(probabilities=True)


def test_a_tampered_artifact_is_refused(make_version, predict_flowers):
    from tests.registry.releases.test_promotion import tamper

    tamper(make_version().release.key)
    with pytest.raises(ArtifactRefused):
        predict_flowers()


def test_a_model_in_memory_predicts_while_the_object_store_is_down(
    make_version, predict_flowers, broken_storage
):
    make_version()
    before = predict_flowers().predictions
    with broken_storage("trained-models"):
        assert predict_flowers().predictions == before


@pytest.mark.parametrize(("column", "value", "kind"), [
    ("length", None, "imputed"), ("colour", None, "imputed"),
    ("colour", "ultraviolet", "unseen_category"), ("width", 99, "out_of_range"),
])  # fmt: skip
def test_input_warnings_are_returned_on_request(make_version, predict_flowers, column, value, kind):
    make_version()
    result = predict_flowers([ROW, ROW | {column: value}], warnings=True)
    assert result.warnings == [{"row": 2, "column": column, "kind": kind}]
    assert predict_flowers([ROW]).warnings is None


def test_a_number_that_the_estimator_rejects_is_a_validation_error(make_version, predict_flowers):
    make_version()
    with pytest.raises(ValidationError, match="too far from"):
        predict_flowers([ROW | {"length": 1e300}])


def test_predicting_requires_a_role(make_version, make_user, predict_flowers):
    make_version()
    with pytest.raises(PermissionDenied):
        predict_flowers(by=make_user(None))
    assert predict_flowers(by=make_user("viewer")).predictions
