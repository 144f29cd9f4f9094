"""The diagnostics of a clusterer of more rows than they are computed from, computed again."""

import pytest

from registry.diagnostics import held_out
from registry.jobs import evaluation


@pytest.mark.parametrize("name", ["KMeans", "DBSCAN"])
def test_the_clusters_of_a_sample_of_the_rows_are_measured(make_version, monkeypatch, name):
    version = make_version(module="cluster", class_name=name, features=["length", "width"])
    monkeypatch.setattr(held_out, "MAX_ROWS", 10)
    rows, metrics, _ = evaluation.diagnose(version)
    assert rows == 10
    assert sum(metrics["cluster_sizes"].values()) + metrics["n_noise"] == 10
