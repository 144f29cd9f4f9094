"""Code that repeats a prediction of a stage's page through the API, or with MLflow."""

import json
import pprint


def body(dataset: str, *, stage: str, version: int | None, row: dict, probabilities: bool) -> dict:
    return {
        "dataset_name": dataset,
        "environment": str(stage),
        **({"version": version} if version else {}),
        "input_data": {"features": [row]},
        **({"probabilities": True} if probabilities else {}),
    }


def curl(url: str, body: dict) -> str:
    text = json.dumps(body, ensure_ascii=False, indent=2).replace("'", "'\\''")
    return (
        f"curl -X POST {url} \\\n"
        '  -H "Authorization: Bearer $TOKEN" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{text}'"
    )


def python(url: str, body: dict) -> str:
    return (
        "import json, os, urllib.request\n\n"
        f"body = {pprint.pformat(body, sort_dicts=False, width=80)}\n"
        "request = urllib.request.Request(\n"
        f'    "{url}",\n'
        "    data=json.dumps(body).encode(),\n"
        "    headers={\n"
        '        "Authorization": "Bearer " + os.environ["TOKEN"],\n'
        '        "Content-Type": "application/json",\n'
        "    },\n"
        ")\n"
        "print(json.load(urllib.request.urlopen(request)))\n"
    )


def mlflow(url: str, dataset: str, *, stage: str, version: int | None, row: dict) -> str:
    """`url` is that of the platform."""
    model = f"{dataset}/{version}" if version else f"{dataset}@{stage}"
    return (
        "import os\n\n"
        f'os.environ["MLFLOW_TRACKING_URI"] = "{url}"\n'
        'os.environ["MLFLOW_TRACKING_TOKEN"] = os.environ["TOKEN"]\n\n'
        "import mlflow, pandas\n\n"
        f'model = mlflow.pyfunc.load_model("models:/{model}")\n'
        f"row = {pprint.pformat(row, sort_dicts=False, width=80)}\n"
        "print(model.predict(pandas.DataFrame([row])))\n"
    )
