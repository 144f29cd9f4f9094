"""CSV and Parquet bodies, and the lock of the stock clients."""

import re

import pytest

from tests.conformance import table
from tests.stack.platforms import ROOT

CSV = table.frame().to_csv(index=False)
BODIES = {
    "CSV with a header": ("text/csv", CSV),
    "CSV in the signature's order": ("text/csv", CSV.split("\n", 1)[1]),
    "CSV from Windows": ("text/csv; charset=utf-8", "\ufeff" + CSV.replace("\n", "\r\n")),
    "Parquet": ("application/vnd.apache.parquet", table.parquet()),
}


@pytest.mark.parametrize("form", BODIES)
def test_table_files_predict_the_same(platform, wanted, form):
    content_type, body = BODIES[form]
    body = body.encode() if isinstance(body, str) else body
    answer = platform.post("/invocations", data=body, headers={"Content-Type": content_type}, token=None)
    assert answer.json() == {"predictions": wanted["predictions"]}


def test_a_table_in_one_tensor_predicts_the_same(platform, wanted):
    tensor = {"name": "rows", "shape": [50, 5], "datatype": "BYTES", "data": table.ROWS}
    answer = platform.post("/v2/models/flowers/infer", {"inputs": [tensor]})
    assert answer.json()["outputs"][0]["data"] == wanted["predictions"]


def test_the_lock_of_the_clients_is_exact_and_names_no_address():
    lock = (ROOT / "requirements-conformance.txt").read_text()
    lines = [line for line in lock.splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9.\[\]-]+==[\w.]+( ; .+)?", line)] == []
    assert "://" not in lock
