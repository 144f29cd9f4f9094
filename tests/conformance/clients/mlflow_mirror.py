"""mlflow: reads what the platform has mirrored to an MLflow server, and loads a model from there."""

import json
import os
import sys

case = json.load(sys.stdin)
sys.path += case["clients"]  # behind the libraries that the artifacts were saved with
os.environ["MLFLOW_TRACKING_URI"] = case["url"]

import mlflow  # noqa: E402
import pandas as pd  # noqa: E402

client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("mirrored")
runs = client.search_runs([experiment.experiment_id], order_by=["start_time ASC"])
first = runs[0]
model = client.get_registered_model("mirrored")
function = mlflow.pyfunc.load_model("models:/mirrored@production")
versions = client.search_model_versions("name = 'mirrored'", order_by=["version_number ASC"])
print(
    json.dumps(
        {
            "runs": [[run.info.status, run.info.run_name, run.data.tags["mlflow.user"]] for run in runs],
            "parameters": first.data.params,
            "metrics": first.data.metrics,
            "folds": [
                [one.step, one.value] for one in client.get_metric_history(first.info.run_id, "fold.accuracy")
            ],
            "tags": {key: value for key, value in first.data.tags.items() if not key.startswith("mlflow.")},
            "inputs": [one.dataset.name for one in first.inputs.dataset_inputs],
            "versions": [
                [version.version, version.run_id == run.info.run_id]
                for version, run in zip(versions, runs, strict=True)
            ],
            "aliases": model.aliases,
            "signature": [column.name for column in function.metadata.signature.inputs],
            "example": len(function.input_example),
            "predictions": function.predict(pd.DataFrame(case["rows"], columns=case["names"])).tolist(),
        }
    )
)
