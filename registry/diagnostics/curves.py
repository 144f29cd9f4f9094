"""The curves of a classifier on its held-out rows, one class against the others. No Django models or settings."""

import numpy as np

from registry.diagnostics.held_out import HeldOut
from registry.diagnostics.thinning import short, thin
from registry.evaluation.cells import class_name
from registry.evaluation.scores import ClassScores

MAX_CLASSES = 8  # the most frequent of the held-out rows; more lines are not told apart
BINS, BINS_OF_MANY = 20, 10  # of the scores: of two classes, of more
CALIBRATION_BINS = 10
THRESHOLDS, THRESHOLDS_OF_MANY = 99, 49
GAIN_STEPS = 20
# A threshold explains the predictions if it does of all but this share: rounding can move single rows.
MAX_UNEXPLAINED = 0.001


def measure(held_out: HeldOut) -> dict | None:
    """The curves of the drawn classes; of two classes only of the second, the positive one. None without scores.

    Scores are probabilities, or else values of the decision function, as `scores` says. Of each class: `roc` (false
    and true positive rates), `pr` (recall, precision), both with the threshold of each point; their areas; `gain`;
    `calibration` of probabilities; the `histogram` of its rows' scores and of the others'; and `decision`, the rates of
    the predictions. `thresholds` has the metrics by threshold: of two classes with the `threshold` of the model, of
    more for each class against the others. Of more, `confidence` says how right the most probable class is.
    """
    if held_out.task != "classification" or not held_out.scores.ranks:
        return None
    scores = held_out.scores
    codes = _drawn(scores)
    if not codes:
        return None
    is_binary = scores.count == 2
    found = {
        "rows": len(scores),
        "classes": len(scores.ranks),
        "scores": "decision function" if scores.probabilities is None else "probability",
        "positive": class_name(scores.classes[1]) if is_binary else None,
        "negative": class_name(scores.classes[0]) if is_binary else None,
        "curves": [_of_class(scores, code, bins=BINS if is_binary else BINS_OF_MANY) for code in codes],
    }
    if is_binary:
        found["threshold"] = decision_threshold(held_out)
        found["thresholds"] = by_threshold(scores, 1, steps=THRESHOLDS)
        return found
    for code, curve in zip(codes, found["curves"], strict=True):
        curve["thresholds"] = by_threshold(scores, code, steps=THRESHOLDS_OF_MANY)
        del curve["thresholds"]["accuracy"]  # of a rare class, it is highest if it is never predicted
    if scores.probabilities is not None:
        found["confidence"] = confidence(scores)
    return found


def _drawn(scores: ClassScores) -> list[int]:
    """The codes of the drawn classes, in order: a class without rows, or without others, has no curve."""
    sizes = np.bincount(scores.true, minlength=scores.count)
    drawn = [code for code in scores.ranks if 0 < sizes[code] < len(scores)]
    return sorted(sorted(drawn, key=lambda code: -sizes[code])[:MAX_CLASSES])


def _of_class(scores: ClassScores, code: int, *, bins: int) -> dict:
    from sklearn import metrics

    is_class, values = scores.true == code, scores.ranks[code]
    predicted = scores.predicted == code
    false_rate, true_rate, cuts = metrics.roc_curve(is_class, values)
    precision, recall, pr_cuts = metrics.precision_recall_curve(is_class, values, drop_intermediate=True)
    found = {
        "class": class_name(scores.classes[code]),
        "rows": int(is_class.sum()),
        "auc": float(metrics.roc_auc_score(is_class, values)),
        "ap": float(metrics.average_precision_score(is_class, values)),
        "roc": _curve(false_rate, true_rate, cuts),
        "pr": _curve(recall, precision, np.append(pr_cuts, np.nan)),  # its last point has no threshold
        "gain": gain(is_class, values),
        "histogram": histogram(is_class, values, bins=bins, is_share=scores.probabilities is not None),
        "decision": {
            "false_rate": float(predicted[~is_class].mean()),
            "true_rate": float(predicted[is_class].mean()),
            "precision": float(is_class[predicted].mean()) if predicted.any() else None,
        },
    }
    if scores.probabilities is not None:
        found["calibration"] = calibration(is_class, scores.probabilities[:, code])
    return found


def _curve(xs: np.ndarray, ys: np.ndarray, cuts: np.ndarray) -> dict:
    kept = thin(xs, ys)
    return {"x": short(xs[kept]), "y": short(ys[kept]), "threshold": short(cuts[kept])}


def calibration(is_class: np.ndarray, probabilities: np.ndarray) -> dict:
    """Of each tenth of the probability: the mean, the share of the class, both None without rows, and the rows."""
    from sklearn.calibration import calibration_curve

    probabilities = np.clip(probabilities, 0, 1)  # of rounding, sums of probabilities are beyond
    share, mean = calibration_curve(is_class, probabilities, n_bins=CALIBRATION_BINS)
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    rows = np.bincount(np.searchsorted(edges[1:-1], probabilities), minlength=CALIBRATION_BINS)
    found = np.full((2, CALIBRATION_BINS), np.nan)
    found[:, rows > 0] = mean, share
    return {"mean": short(found[0]), "share": short(found[1]), "rows": rows}


def gain(is_class: np.ndarray, values: np.ndarray) -> list[float]:
    """The share of the rows of the class among the highest scores, for 0 %, 5 % and so on to 100 % of all rows.

    Rows with equal scores are in no order: of a part of them, the share is their mean.
    """
    order = np.argsort(-values, kind="stable")
    hits, ordered = np.cumsum(is_class[order]), values[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(values) - 1)
    rows_share, hits_share = np.append(0, ends + 1) / len(values), np.append(0, hits[ends]) / hits[-1]
    return short(np.interp(np.linspace(0, 1, GAIN_STEPS + 1), rows_share, hits_share))


def histogram(is_class: np.ndarray, values: np.ndarray, *, bins: int, is_share: bool) -> dict:
    """How often each score is, of the rows of the class and of the others."""
    edges = np.histogram_bin_edges(values, bins=bins, range=(0, 1) if is_share else None)
    counts = [np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0] for part in _parts(is_class, values)]
    return {"edges": short(edges), "class": counts[0], "others": counts[1]}


def by_threshold(scores: ClassScores, code: int, *, steps: int) -> dict:
    """Metrics of a class against the others if it is predicted from a threshold on, for evenly spaced thresholds.

    The precision is None where no row is predicted so.
    """
    values, is_class = scores.ranks[code], scores.true == code
    low, high = (0, 1) if scores.probabilities is not None else (values.min(), values.max())
    thresholds = np.array(short(np.linspace(low, high, steps + 2)[1:-1]))
    positives, negatives = (np.sort(part) for part in _parts(is_class, values))
    hits, false = (
        len(part) - np.searchsorted(part, thresholds, side="left") for part in (positives, negatives)
    )
    predicted = hits + false
    with np.errstate(invalid="ignore"):
        precision = np.where(predicted > 0, hits / predicted, np.nan)
    return {
        "threshold": thresholds,
        "precision": short(precision),
        "recall": short(hits / len(positives)),
        "f1": short(2 * hits / (predicted + len(positives))),
        "accuracy": short((hits + len(negatives) - false) / len(scores)),
    }


def confidence(scores: ClassScores) -> dict:
    """How often the predicted class is right by its probability: the `calibration`, with its expected `error` (Guo et
    al., 2017), the `histogram` of right and wrong rows, and by `threshold` the share of the rows whose probability is
    at least that, and the accuracy on these, None without rows.
    """
    values = scores.probabilities[np.arange(len(scores)), scores.predicted]
    is_right = scores.true == scores.predicted
    found = calibration(is_right, values)
    gaps = (abs(m - s) * n for m, s, n in zip(found["mean"], found["share"], found["rows"], strict=True) if n)
    thresholds = np.linspace(0, 1, THRESHOLDS_OF_MANY + 2)
    answered = len(values) - np.searchsorted(np.sort(values), thresholds, side="left")
    right = is_right.sum() - np.searchsorted(np.sort(values[is_right]), thresholds, side="left")
    with np.errstate(invalid="ignore"):
        accuracy = np.where(answered > 0, right / answered, np.nan)
    return {
        "calibration": found,
        "error": float(sum(gaps) / len(values)),
        "histogram": histogram(is_right, values, bins=BINS, is_share=True),
        "threshold": short(thresholds),
        "coverage": short(answered / len(values)),
        "accuracy": short(accuracy),
    }


def decision_threshold(held_out: HeldOut) -> float | None:
    """The score from which a binary classifier predicts its second class; None if no threshold explains it."""
    scores = held_out.scores
    usual = 0.0 if scores.probabilities is None else 0.5
    for threshold in (getattr(held_out.pipeline[-1], "threshold", None), usual):
        if isinstance(threshold, float):
            unexplained = (scores.ranks[1] >= threshold) != (scores.predicted == 1)
            if unexplained.mean() <= MAX_UNEXPLAINED:
                return threshold
    return None


def _parts(is_class: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values[is_class], values[~is_class]
