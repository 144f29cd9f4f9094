"""mlflow: loads models of the platform as python functions and as pipelines, in an environment without the platform."""

import json
import os
import sys

case = json.load(sys.stdin)
sys.path += case["clients"]  # behind the libraries that the artifacts were saved with
os.environ |= {"MLFLOW_TRACKING_URI": case["url"], "MLFLOW_TRACKING_TOKEN": case["token"]}

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

rows = pd.DataFrame(case["rows"], columns=case["names"])
numbers = pd.DataFrame(case["numbers"], columns=["a", "b", "c"])
function = mlflow.pyfunc.load_model("models:/flowers@production")
with_times = rows.assign(picked=pd.to_datetime(rows["picked"]))
pipeline = mlflow.sklearn.load_model("models:/flowers/1")
results = {
    "version": mlflow.__version__,
    "platform": [name for name in ("registry", "serving", "mlplatform") if name in sys.modules],
    "function": function.predict(rows).tolist(),
    "with times": function.predict(with_times).tolist(),
    "pipeline": pipeline.predict(rows).tolist(),
    "probabilities": pipeline.predict_proba(rows).tolist(),
    "by stage": mlflow.pyfunc.load_model("models:/flowers/Production").predict(rows).tolist(),
    "latest": mlflow.pyfunc.load_model("models:/flowers/latest").predict(rows).tolist(),
    "numbers": mlflow.pyfunc.load_model("models:/numbers@champion").predict(numbers).tolist(),
    "inputs": [[column.name, column.required] for column in function.metadata.signature.inputs],
    "example": len(function.input_example),
    "dtype": str(np.asarray(function.predict(rows)).dtype.kind),
}
try:
    function.predict(rows.drop(columns="width"))
except mlflow.MlflowException as exception:
    results["missing"] = str(exception)
print(json.dumps(results))
