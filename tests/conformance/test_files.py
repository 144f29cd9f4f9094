"""CSV and Parquet bodies, and the lock file of the client packages."""

import re

import pytest

from tests.conformance import table
from tests.servers.platform import ROOT

CSV = table.frame().to_csv(index=False)
BODIES = {
    "CSV with a header": ("text/csv", CSV),
    "CSV in the signature's order": ("text/csv", CSV.split("\n", 1)[1]),
    "CSV from Windows": ("text/csv; charset=utf-8", "\ufeff" + CSV.replace("\n", "\r\n")),
    "Parquet": ("application/vnd.apache.parquet", table.parquet()),
}


@pytest.mark.parametrize("form", BODIES)
def test_csv_and_parquet_bodies_give_the_native_predictions(platform, expected, form):
    content_type, body = BODIES[form]
    body = body.encode() if isinstance(body, str) else body
    response = platform.post("/invocations", data=body, headers={"Content-Type": content_type}, token=None)
    assert response.json() == {"predictions": expected["predictions"]}


def test_a_table_as_one_tensor_gives_the_native_predictions(platform, expected):
    tensor = {"name": "rows", "shape": [50, 5], "datatype": "BYTES", "data": table.ROWS}
    response = platform.post("/v2/models/flowers/infer", {"inputs": [tensor]})
    assert response.json()["outputs"][0]["data"] == expected["predictions"]


def test_the_lock_file_of_the_clients_pins_versions_and_has_no_urls():
    lock = (ROOT / "requirements-conformance.txt").read_text()
    lines = [line.strip(" \\") for line in lock.splitlines() if not line.lstrip().startswith("#")]
    pinned = r"[a-z0-9.\[\]-]+==[\w.]+( ; .+)?|--hash=sha256:[0-9a-f]{64}"
    assert [line for line in lines if not re.fullmatch(pinned, line)] == []
    assert "://" not in lock
