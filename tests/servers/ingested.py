"""The ingest of make_dataset, which reads the same file once: that is 70 % of an upload's time."""

import copy
import dataclasses
import io
import json

from catalog.imports import ingestion
from catalog.imports.ingestion import Ingested, Source
from mlplatform import hashing, storage


class IngestedFiles:
    """What was read, with the files made from it, by content, suffix and corrections."""

    def __init__(self):
        self._read: dict[tuple, tuple[Ingested, list[bytes]]] = {}

    def ingest(self, source: Source) -> Ingested:
        store, outputs = storage.datasets(), (source.sample_key, source.table_key)
        with store.open(source.key) as file:
            key = (hashing.sha256(file), source.filename.partition(".")[2], json.dumps(source.corrections))
        if key not in self._read:
            ingested = ingestion.ingest(source)
            self._read[key] = (copy.deepcopy(ingested), [store.open(name).read() for name in outputs])
            return ingested
        ingested, files = self._read[key]
        for name, content in zip(outputs, files, strict=True):
            storage.save(store, name, io.BytesIO(content))
        own = {"sample_key": source.sample_key, "table_key": source.table_key}
        return dataclasses.replace(copy.deepcopy(ingested), **own)
