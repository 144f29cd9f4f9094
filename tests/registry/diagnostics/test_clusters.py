"""The clusters of a clusterer: scikit-learn's silhouettes and projection, and the plots that show them."""

import json

import numpy as np
import pandas
import pytest
from django.template.loader import render_to_string
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_samples
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from registry.diagnostics import clusters
from registry.diagnostics.build import build
from registry.diagnostics.held_out import HeldOut
from registry.diagnostics.plots import clusters as cluster_plots


def held_out(model=None, *, rows=90, columns=4, centers=3):
    X = pandas.DataFrame(make_blobs(rows, columns, centers=centers, cluster_std=2, random_state=0)[0])
    pipeline = make_pipeline(StandardScaler(), model or KMeans(centers, random_state=0, n_init=1)).fit(X)
    return HeldOut.sampled(pipeline, X, None, task="clustering", inputs=[])


@pytest.fixture(scope="module")
def data():
    return held_out()


@pytest.fixture(scope="module")
def section(data):
    return build(data)["clusters"]


def render(section) -> str:
    return render_to_string("registry/_clusters.html", {"clusters": cluster_plots.plots(section)})


def test_the_silhouettes_are_those_of_scikit_learn(data, section):
    values, labels = data.pipeline[:-1].transform(data.X), data.pipeline[-1].labels_
    expected = silhouette_samples(values, labels)
    assert section["silhouette"] == pytest.approx(expected.mean())
    for one in section["clusters"]:
        of_cluster = np.sort(expected[labels == int(one["cluster"])])[::-1]
        assert one["silhouette"] == pytest.approx(of_cluster.mean())
        assert one["values"] == pytest.approx(of_cluster, abs=1e-3)
        assert one["negative"] == pytest.approx((of_cluster < 0).mean())


def test_the_projection_has_the_principal_components_of_the_preprocessed_rows(data, section):
    values = data.pipeline[:-1].transform(data.X)
    pca = PCA(2, random_state=0).fit(values)
    assert section["projection"]["explained"] == pytest.approx(pca.explained_variance_ratio_, abs=1e-4)
    assert section["projection"]["x"] == pytest.approx(pca.transform(values)[:, 0], abs=1e-3)
    names = [one["cluster"] for one in section["clusters"]]
    drawn = [int(names[i]) for i in section["projection"]["cluster"]]
    assert drawn == data.pipeline[-1].labels_.tolist()


def test_noise_has_no_silhouette_and_a_mark_of_its_own():
    found = clusters.measure(held_out(DBSCAN(eps=0.7)))
    assert found["noise"] == found["projection"]["cluster"].count(-1) > 0
    assert "noise or other clusters" in render(found)


def test_the_labels_of_a_sample_are_those_of_its_rows():
    data = held_out(KMeans(3, random_state=0, n_init=1), rows=20_500)
    assert len(data.X) == 20_000
    assert clusters.labels_of(data).tolist() == data.pipeline.predict(data.X).tolist()


def test_the_largest_of_many_clusters_are_drawn():
    found = clusters.measure(held_out(rows=100, centers=10))
    assert len(found["clusters"]) == 7
    assert found["omitted"] == 3
    sizes = np.bincount(held_out(rows=100, centers=10).pipeline[-1].labels_)
    assert sorted(one["rows"] for one in found["clusters"]) == sorted(sizes)[3:]


def test_a_single_cluster_has_no_pictures():
    assert clusters.measure(held_out(KMeans(1))) is None
    assert clusters.measure(held_out(DBSCAN(eps=1e-9))) is None


def test_a_clusterer_of_one_column_has_silhouettes_without_a_projection():
    found = clusters.measure(held_out(AgglomerativeClustering(3), columns=1))
    assert found["projection"] is None
    assert render(found).count('role="img"') == 1


def test_every_plot_is_a_picture_with_a_table(section):
    html = render(section)
    assert html.count('role="img"') == html.count("<details") == 2
    assert "cluster 0: mean silhouette" in html
    assert "first component, " in html


def test_the_stored_clusters_of_many_rows_are_small():
    assert len(json.dumps(build(held_out(rows=5000))["clusters"])) < 16_000
