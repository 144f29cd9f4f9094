"""The speed of an engine is measured when a version is registered, and shown with it."""

import time

from registry import artifacts
from serving.engine import speed, verification
from serving.models import Verification


def test_one_row_and_a_thousand_rows_are_measured_at_registration(make_version, api, page):
    record = make_version().verification
    assert 0 < record.one_row_s < record.thousand_rows_s
    assert record.memory_bytes >= record.model_version.artifact_size
    body = api.get("/models/flowers/1").json()
    assert (body["one_row_s"], body["thousand_rows_s"]) == (record.one_row_s, record.thousand_rows_s)
    assert (body["engine"], body["memory_bytes"]) == (record.engine, record.memory_bytes)
    assert "<dt>1,000 rows</dt>" in page.get("/registry/models/flowers/1/").text


def test_versions_are_compared_by_their_speed(make_version, api, page):
    first = make_version()
    make_version(first.dataset_version)
    query = {"model": ["flowers/1", "flowers/2"]}
    speeds = [one["speed"] for one in api.get("/models/compare", query).json()["models"]]
    assert speeds[0]["one_row_s"] == first.verification.one_row_s
    assert speeds[1]["engine"] == "trees"
    text = page.get("/registry/models/compare/", query).text
    assert '<th scope="row">1,000 rows</th>' in text
    Verification.objects.update(one_row_s=None, thousand_rows_s=None, memory_bytes=None)
    text = page.get("/registry/models/compare/", query).text
    assert '<th scope="row">1,000 rows</th>' not in text
    assert "optimised trees" in text


def test_a_version_without_measurements_says_so(make_version, api, page):
    version = make_version(module="cluster", class_name="DBSCAN", features=["length", "width"], target=None)
    body = api.get("/models/flowers/1").json()
    assert (body["engine"], body["one_row_s"], body["memory_bytes"]) == (None, None, None)
    assert page.get(f"/registry/models/flowers/{version.number}/").status_code == 200


class RejectingEngine:
    """An engine that no row fits."""

    def predict(self, rows, *, probabilities):
        raise ArithmeticError("a number is too far from the training data")


def test_an_engine_that_rejects_the_rows_has_no_speed(make_version):
    assert speed.measure(RejectingEngine(), make_version().signature, None) == (None, None)


def test_without_held_out_rows_the_example_is_predicted(make_version):
    version = make_version()
    pipeline = artifacts.load(version, version.release.key)
    engine = verification.build_engine(pipeline, version.signature)
    one_row_s, thousand_rows_s = speed.measure(engine, version.signature, None)
    assert 0 < one_row_s < thousand_rows_s


class SlowEngine:
    """An engine that takes as long for each row."""

    def __init__(self):
        self.counts = []

    def predict(self, rows, *, probabilities):
        self.counts.append(rows.count)
        time.sleep(0.02 * rows.count)


def test_a_thousand_rows_are_not_predicted_if_they_take_too_long(make_version):
    engine = SlowEngine()
    one_row_s, thousand_rows_s = speed.measure(engine, make_version().signature, None)
    assert one_row_s > 0.01 and thousand_rows_s is None
    assert set(engine.counts) == {1, 10}
