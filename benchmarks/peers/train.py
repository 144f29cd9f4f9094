"""Train the same pipeline with the scikit-learn of one peer, and save it in the format of that peer.

    .venv-peers/mlflow/bin/python benchmarks/peers/train.py TABLE.json FOLDER

TABLE has the training columns and, by number of rows, the columns to predict. FOLDER gets the model, the predictions of
the pipeline itself, and the versions of the libraries.
"""

import json
import platform
import sys
from importlib import metadata
from pathlib import Path

import joblib
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["bill_length", "bill_depth", "flipper", "mass"]
TEXTS = ["island", "sex"]
SEED = 7  # that of the platform's live version, so that all serve the same forest


def main() -> None:
    table, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    folder.mkdir()
    X = pandas.DataFrame(table["learn"])
    y = X.pop("species").astype(object)
    X, _, y, _ = train_test_split(X, y, test_size=0.2, random_state=SEED, stratify=y)
    model = pipeline().fit(X, y)
    joblib.dump(model, folder / "model.joblib")
    expected = {
        rows: model.predict(pandas.DataFrame(columns)).tolist() for rows, columns in table["ask"].items()
    }
    (folder / "expected.json").write_text(json.dumps(expected))
    (folder / "versions.json").write_text(json.dumps(versions()))
    if "mlflow" in versions():
        save_for_mlflow(model, X, y, folder)


def pipeline():
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = ColumnTransformer([("numbers", numbers, NUMBERS), ("texts", texts, TEXTS)])
    return make_pipeline(columns, RandomForestClassifier(n_estimators=100, random_state=SEED))


def save_for_mlflow(model, X, y, folder: Path) -> None:
    """With a signature, as MLflow's documentation advises, and without one, which is less work for its server."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    kept = {"serialization_format": "cloudpickle"}
    mlflow.sklearn.save_model(model, folder / "signed", signature=infer_signature(X, y.to_numpy()), **kept)
    mlflow.sklearn.save_model(model, folder / "unsigned", **kept)


def versions() -> dict[str, str]:
    installed = {"python": platform.python_version()}
    for name in ("mlflow", "mlserver", "bentoml", "scikit-learn", "pandas", "numpy"):
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


if __name__ == "__main__":
    main()
