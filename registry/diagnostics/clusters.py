"""The clusters of a clusterer: silhouettes and a projection of the rows. No Django models or settings."""

import numpy as np

from registry.diagnostics.held_out import HeldOut, sample
from registry.diagnostics.thinning import short
from registry.evaluation.row_samples import evenly_spaced

MAX_ROWS = 2_000  # the silhouette compares every pair of rows
MAX_CLUSTERS = 7  # the largest; the others and noise share the eighth colour
SILHOUETTE_POINTS = 60
PROJECTED_POINTS = 400


def measure(held_out: HeldOut) -> dict | None:
    """Silhouettes of a sample of the rows by cluster, and their first two principal components.

    Both are of the preprocessed rows. None without two clusters, or if the rows cannot be assigned to them. Of the
    largest `clusters`, `values` are silhouettes from the highest to the lowest, thinned. `cluster` of the `projection`
    is a position in these, or -1.
    """
    labels = labels_of(held_out) if held_out.task == "clustering" else None
    if labels is None:
        return None
    rows = np.sort(np.random.default_rng(0).permutation(len(labels))[:MAX_ROWS])
    values = np.asarray(held_out.pipeline[:-1].transform(held_out.X.iloc[rows]), dtype=float)
    is_finite = np.isfinite(values).all(axis=1)
    values, of_sample = values[is_finite], labels[rows][is_finite]
    if not 2 <= len(np.unique(of_sample[of_sample >= 0])) < (of_sample >= 0).sum():
        return None
    names, sizes = np.unique(labels[labels >= 0], return_counts=True)
    drawn = sorted(names[np.argsort(-sizes, kind="stable")][:MAX_CLUSTERS])
    silhouettes = _silhouettes(values, of_sample)
    return {
        "rows": len(of_sample),
        "noise": int((labels < 0).sum()),
        "omitted": len(names) - len(drawn),
        "silhouette": float(np.nanmean(silhouettes)),
        "clusters": [
            _cluster(name, sizes[names == name][0], silhouettes[of_sample == name]) for name in drawn
        ],
        "projection": _projection(values, of_sample, drawn),
    }


def labels_of(held_out: HeldOut) -> np.ndarray | None:
    """The cluster of each row; negative for noise and rows that the clusterer leaves out."""
    fitted = getattr(held_out.pipeline[-1], "labels_", None)
    if fitted is not None:
        rows = sample(len(fitted))
        fitted = fitted if rows is None else fitted[rows]
        if len(fitted) == len(held_out.X):
            return np.asarray(fitted)
    return (
        np.asarray(held_out.pipeline.predict(held_out.X)) if hasattr(held_out.pipeline, "predict") else None
    )


def _silhouettes(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The silhouette of each row; NaN for noise."""
    from sklearn.metrics import silhouette_samples

    found = np.full(len(labels), np.nan)
    is_clustered = labels >= 0
    found[is_clustered] = silhouette_samples(values[is_clustered], labels[is_clustered])
    return found


def _cluster(name: int, rows: int, silhouettes: np.ndarray) -> dict:
    ordered = np.sort(silhouettes)[::-1]
    kept = evenly_spaced(len(ordered), SILHOUETTE_POINTS)
    return {
        "cluster": str(name),
        "rows": rows,
        "measured": len(ordered),
        "silhouette": float(ordered.mean()) if len(ordered) else None,
        "negative": float((ordered < 0).mean()) if len(ordered) else None,
        "values": short(ordered[kept]),
    }


def _projection(values: np.ndarray, labels: np.ndarray, drawn: list) -> dict | None:
    """The first principal components of the rows, of some of them; None of a single column."""
    from sklearn.decomposition import PCA

    if values.shape[1] < 2:
        return None
    pca = PCA(2, random_state=0).fit(values)
    chosen = evenly_spaced(len(values), PROJECTED_POINTS)
    points = pca.transform(values[chosen])
    position = {name: i for i, name in enumerate(drawn)}
    return {
        "x": short(points[:, 0]),
        "y": short(points[:, 1]),
        "cluster": [position.get(label, -1) for label in labels[chosen]],
        "explained": short(np.nan_to_num(pca.explained_variance_ratio_)),
    }
