"""mlserver: requests from its codecs, and responses read by its types and codecs."""

import json
import sys

import numpy as np
import pandas as pd
import requests
from mlserver import types
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec

case = json.load(sys.stdin)
session = requests.Session()
session.headers["Authorization"] = f"Bearer {case['token']}"
url = case["url"]
frame = pd.DataFrame(case["rows"], columns=case["names"])
is_complete = frame.notna().all(axis=1)


def infer(request: types.InferenceRequest, model: str = "flowers", *, by_name: bool = False):
    """Post as in MLServer's documentation: the model as JSON text, or as a dict."""
    payload = {"json": request.model_dump(mode="json")} if by_name else {"data": request.model_dump_json()}
    response = session.post(f"{url}/v2/models/{model}/infer", **payload)
    response.raise_for_status()
    return types.InferenceResponse.model_validate_json(response.content)


def column(name: str, kind: str, **parameters) -> types.RequestInput:
    """A column with missing values as null, which the protocol allows but the codecs do not encode."""
    values = [None if pd.isna(value) else value for value in frame[name]]
    options = types.Parameters(**parameters) if parameters else None
    return types.RequestInput(
        name=name, shape=[len(values), 1], datatype=kind, data=values, parameters=options
    )


columns = types.InferenceRequest(
    parameters=types.Parameters(content_type="pd"),
    inputs=[
        column("length", "INT64"),
        column("width", "FP64", content_type="np"),
        column("colour", "BYTES", content_type="str"),
        column("fresh", "BOOL"),
        column("picked", "BYTES", content_type="datetime"),
    ],
    outputs=[types.RequestOutput(name="predict"), types.RequestOutput(name="predict_proba")],
)
full = infer(columns)
complete = frame[is_complete]
object_column = complete.assign(fresh=complete["fresh"].astype(object))  # the codec encodes this as `pd_json`
numbers = np.array([[np.nan if value is None else value for value in row] for row in case["numbers"]])
metadata = types.MetadataModelResponse.model_validate_json(session.get(f"{url}/v2/models/flowers").content)
results = {
    "columns": StringCodec.decode_output(full.outputs[0]),
    "probabilities": NumpyCodec.decode_output(full.outputs[1]).tolist(),
    "complete": is_complete.tolist(),
    "frame": infer(PandasCodec.encode_request(complete)).outputs[0].data.root,
    "frame by name": infer(PandasCodec.encode_request(complete, use_bytes=False), by_name=True)
    .outputs[0]
    .data.root,
    "object column": infer(PandasCodec.encode_request(object_column)).outputs[0].data.root,
    "object column type": PandasCodec.encode_request(object_column).inputs[3].parameters.content_type,
    "decoded": PandasCodec.decode_response(infer(PandasCodec.encode_request(complete)))["predict"].tolist(),
    "array": NumpyRequestCodec.decode_response(
        infer(NumpyRequestCodec.encode_request(numbers), "numbers")
    ).tolist(),
    "object array": infer(NumpyRequestCodec.encode_request(complete.to_numpy(dtype=object)))
    .outputs[0]
    .data.root,
    "server": types.MetadataServerResponse.model_validate_json(session.get(f"{url}/v2").content).model_dump(),
    "platform": metadata.platform,
    "datatypes": [tensor.datatype for tensor in metadata.inputs],
    "error": types.MetadataModelErrorResponse.model_validate_json(
        session.get(f"{url}/v2/models/none").content
    ).error,
    "infer error": types.InferenceErrorResponse.model_validate_json(
        session.post(f"{url}/v2/models/flowers/infer", data=b"[]").content
    ).error,
}
print(json.dumps(results))
