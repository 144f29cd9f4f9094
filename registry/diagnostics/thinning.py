"""Curves and samples with as many points as a picture needs. No Django models or settings."""

import heapq

import numpy as np

LIMIT = 100
TOLERANCE = 0.001  # of the height or the width of the picture: less than half a pixel


def thin(xs: np.ndarray, ys: np.ndarray, limit: int = LIMIT) -> np.ndarray:
    """Positions of at most `limit` points whose line looks like that of all: of Ramer, Douglas and Peucker.

    The point that is farthest from the line so far is added, until none is farther than TOLERANCE.
    """
    points = np.column_stack([_scaled(xs), _scaled(ys)])
    kept = {0, len(points) - 1}
    segments = [_farthest(points, 0, len(points) - 1)]
    while segments and len(kept) < limit:
        distance, first, middle, last = heapq.heappop(segments)
        if -distance <= TOLERANCE:
            break
        kept.add(middle)
        for start, end in ((first, middle), (middle, last)):
            if end - start > 1:
                heapq.heappush(segments, _farthest(points, start, end))
    return np.array(sorted(kept))


def short(values: np.ndarray, digits: int = 4) -> list[float | None]:
    """The values with this many significant digits, so that the stored JSON is small; None for NaN and infinity."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]


def _scaled(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    span = values.max() - values.min()
    return (values - values.min()) / (span or 1)


def _farthest(points: np.ndarray, first: int, last: int) -> tuple[float, int, int, int]:
    """The negated distance of the point between two that is farthest from their line, and the three positions."""
    if last - first < 2:
        return 0.0, first, first, last
    chord, offsets = points[last] - points[first], points[first + 1 : last] - points[first]
    length = float(np.hypot(*chord))
    across = np.abs(chord[0] * offsets[:, 1] - chord[1] * offsets[:, 0])
    distances = across / length if length else np.hypot(*offsets.T)
    middle = int(distances.argmax())
    return -float(distances[middle]), first, first + 1 + middle, last
