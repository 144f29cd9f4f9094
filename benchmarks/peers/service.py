"""The pipeline as a BentoML service of 2 workers: `bentoml serve service:Penguins`, or `service:Batched`."""

import os
from pathlib import Path

import bentoml
import joblib
import pandas

MODEL = Path(os.environ["PEERS_MODEL"])
SETTINGS = {"workers": 2, "logging": {"access": {"enabled": False}}}


@bentoml.service(**SETTINGS)
class Penguins:
    def __init__(self):
        self.pipeline = joblib.load(MODEL)

    @bentoml.api
    def predict(self, frame: pandas.DataFrame) -> list[str]:
        return self.pipeline.predict(frame).tolist()


@bentoml.service(**SETTINGS)
class Batched:
    def __init__(self):
        self.pipeline = joblib.load(MODEL)

    @bentoml.api(batchable=True, max_batch_size=1000, max_latency_ms=1000)
    def predict(self, frame: list[dict]) -> list[str]:
        """Lists, because 1.4.39 takes the shape of a DataFrame for its number of rows, and then never answers."""
        return self.pipeline.predict(pandas.DataFrame(frame)).tolist()
