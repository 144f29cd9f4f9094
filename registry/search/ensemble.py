"""The best few trials as one more candidate: a vote with weights, chosen from what they predicted on the folds.

Weights are chosen as in Caruana et al., Ensemble selection from libraries of models (2004): from the best trial on, add
the one that improves the vote most, again and again. No Django models.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from registry.search.objective import Objective, Outputs

POOL = 6  # trials to choose from
OF_AN_ALGORITHM = 2  # of these
ROUNDS = 8
ROWS = 2_000  # of a fold that the choice looks at
CLASSES = {"classification": "VotingClassifier", "regression": "VotingRegressor"}


@dataclass(frozen=True)
class Member:
    """A complete trial: its outputs for each fold."""

    number: int
    model: dict  # module, class, params
    outputs: list[Outputs]


def choose(
    members: list[Member], tested: list[np.ndarray], objective: Objective
) -> tuple[dict[int, int], list[float]]:
    """The weights of the members by number, and the score of their vote on each fold.

    Each score is that of a vote whose weights were chosen on the other folds. `tested` are the targets of the folds.
    """
    votes = [
        _Fold([member.outputs[fold] for member in members], y, objective) for fold, y in enumerate(tested)
    ]
    small = [vote.sample(ROWS) for vote in votes]
    weights = _greedy(small, len(members))
    scores = [
        vote.score(_greedy([other for other in small if other is not small[fold]], len(members)))
        for fold, vote in enumerate(votes)
    ]
    return {members[index].number: weight for index, weight in sorted(weights.items())}, scores


def _greedy(votes: list["_Fold"], count: int) -> dict[int, int]:
    """The counts of the members, by position, that gain most; the first member is the best alone."""
    chosen = best = Counter({0: 1})
    best_gain = np.mean([vote.gain(chosen) for vote in votes])
    for _ in range(ROUNDS):
        tried = [chosen + Counter({index: 1}) for index in range(count)]
        gains = [np.mean([vote.gain(weights) for vote in votes]) for weights in tried]
        chosen = tried[int(np.argmax(gains))]
        if max(gains) > best_gain:
            best, best_gain = chosen, max(gains)
    return dict(best)


class _Fold:
    """The outputs of all members for the rows of a fold."""

    def __init__(self, outputs: list[Outputs], y: np.ndarray, objective: Objective):
        self.y, self.objective = y, objective
        is_classification = objective.classes is not None
        self.values = [one.probabilities if is_classification else one.predicted for one in outputs]

    def sample(self, rows: int) -> "_Fold":
        if len(self.y) <= rows:
            return self
        chosen = np.random.default_rng(0).permutation(len(self.y))[:rows]
        part = object.__new__(_Fold)
        part.y, part.objective = self.y[chosen], self.objective
        part.values = [values[chosen] for values in self.values]
        return part

    def score(self, weights: dict[int, int]) -> float:
        total = sum(weight * self.values[index] for index, weight in weights.items()) / sum(weights.values())
        if self.objective.classes is None:
            return self.objective.score(self.y, Outputs(total))
        predicted = np.array(self.objective.classes, dtype=self.y.dtype)[total.argmax(axis=1)]
        return self.objective.score(self.y, Outputs(predicted, probabilities=total))

    def gain(self, weights: dict[int, int]) -> float:
        try:
            return self.objective.gain(self.score(weights))
        except ValueError:  # a class has no row in the sample
            return -np.inf
