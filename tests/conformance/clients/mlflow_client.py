"""mlflow: its scoring client and its serialisers."""

import json
import sys

import numpy as np
import pandas as pd
import requests
from mlflow.deployments import PredictionsResponse
from mlflow.pyfunc import scoring_server
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from mlflow.utils.proto_json_utils import _CustomJsonEncoder, dump_input_data

case = json.load(sys.stdin)
host, port = case["url"].removeprefix("http://").split(":")
client = ScoringServerClient(host, int(port))
client.wait_server_ready()
frame = pd.DataFrame(case["rows"], columns=case["names"])
frame_with_dates = frame.assign(picked=pd.to_datetime(frame["picked"]))


def invoke(data, **headers) -> list:
    response = requests.post(
        f"{case['url']}/invocations",
        data=data,
        headers={
            "Content-Type": scoring_server.CONTENT_TYPE_JSON,
            "Authorization": f"Bearer {case['token']}",
        }
        | headers,
    )
    response.raise_for_status()
    return PredictionsResponse.from_json(response.text)["predictions"]


def encoded(**body) -> str:
    return json.dumps(body, cls=_CustomJsonEncoder)


def error(data, content_type: str = scoring_server.CONTENT_TYPE_JSON) -> list:
    response = requests.post(f"{case['url']}/invocations", data=data, headers={"Content-Type": content_type})
    return [response.status_code, response.headers["Content-Type"], response.text]


def client_error() -> str:
    try:
        client.invoke(frame.drop(columns="width"))
    except Exception as exception:  # noqa: BLE001 (the client raises plain Exception)
        return str(exception)
    return ""


numbers = np.array([[np.nan if value is None else value for value in row] for row in case["numbers"]])
results = {
    "ping": client.ping(),
    "version": client.get_version(),
    "client": client.invoke(frame).get_predictions("ndarray").tolist(),
    "client with dates": client.invoke(frame_with_dates, params={}).get_predictions()[0].tolist(),
    "dump": invoke(dump_input_data(frame)),
    "split": invoke(encoded(dataframe_split=frame.to_dict(orient="split"))),
    "records": invoke(encoded(dataframe_records=frame.to_dict(orient="records"))),
    "instances": invoke(dump_input_data(frame.to_dict(orient="records"), inputs_key="instances")),
    "inputs": invoke(encoded(inputs=frame.to_dict(orient="list"))),
    "csv": invoke(frame.to_csv(index=False), **{"Content-Type": scoring_server.CONTENT_TYPE_CSV}),
    "array": invoke(dump_input_data(numbers), **{"X-Model": "numbers"}),
    "array as instances": invoke(dump_input_data(numbers, inputs_key="instances"), **{"X-Model": "numbers"}),
    "client_error": client_error(),
    "errors": [
        error("[1]"),
        error("{"),
        error(encoded(inputs=[1], instances=[1])),
        error("a", "text/plain"),
    ],
}
print(json.dumps(results))
