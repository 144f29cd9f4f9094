import io

from catalog.profiling.receipt import inspect
from catalog.readers.corrections import Corrections

GERMAN = "Bericht 2026\nStadt;Umsatz\nKöln;1,5\nBonn;\n".encode("cp1252")


def test_a_receipt_has_the_rows_as_they_are_read_and_as_they_are_written():
    receipt = inspect(io.BytesIO(GERMAN), "t.csv", Corrections.from_dict({"skip": 1})).to_dict()
    assert receipt["preview"] == {
        "rows": [["Köln", 1.5], ["Bonn", None]],
        "cells": [["Köln", "1,5"], ["Bonn", ""]],
        "lines": [[1, "Bericht 2026"], [2, "Stadt;Umsatz"], [3, "Köln;1,5"], [4, "Bonn;"], [5, ""]],
    }
    assert (receipt["rows"], receipt["recipe"]["decimal"]) == (2, ",")
    assert receipt["columns"][1] == {"name": "Umsatz", "type": "number", "nullable": True}


def test_a_receipt_shows_at_most_20_rows_of_a_file_that_stays_open():
    file = io.BytesIO(b"a\n" + b"1\n" * 30)
    receipt = inspect(file, "t.csv")
    assert (len(receipt.preview), receipt.rows, file.closed) == (20, 30, False)
