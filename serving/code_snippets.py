"""Code that repeats a prediction of a stage's page through the API."""

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
