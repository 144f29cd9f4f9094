"""The parameters of the next trial, and which trials to stop early, by Optuna.

Each trial has a seed of its own, and depends on nothing but it and the finished trials. So a group that goes on after
its worker was killed suggests what it would have suggested.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from registry.search.space import Family, Range

MAX_SEED = 2**32
STARTUP_TRIALS = 10  # random ones, before TPE learns from them
HALVING = 3  # the better third is measured on the third fold, and of that a third on the ninth
ALGORITHM = "algorithm"


@dataclass
class Suggestion:
    """A trial to run. `is_hopeless` says, after each fold, whether to stop it."""

    family: Family
    params: dict
    _trial: object

    def is_hopeless(self, scores: list[float]) -> bool:
        """`scores` are those of the folds so far, of which more is better."""
        self._trial.report(float(np.mean(scores)), step=len(scores))
        return self._trial.should_prune()


class Study:
    """Suggests parameters of the families; scores are given so that more is better."""

    def __init__(self, families: list[Family], *, method: str, seed: int | None, is_grid: bool = False):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.families = families
        self.method = method
        self.entropy = np.random.SeedSequence(seed).entropy
        self.order = None  # of the combinations of a grid, if there are no more of them than trials
        if is_grid:
            self.order = np.random.default_rng(self.entropy).permutation(int(families[0].size)).tolist()
        self._optuna = optuna
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study = optuna.create_study(direction="maximize", pruner=self._pruner())

    def _pruner(self):
        pruners = self._optuna.pruners
        if self.method == "halving":
            return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=HALVING)
        if self.method == "random":
            return pruners.NopPruner()
        return pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS // 2)

    def suggest(self, number: int) -> Suggestion:
        """The trial with this number, from 1: first the `first` values of each family, then what the sampler draws, or
        the next combination of a grid.
        """
        firsts = [family for family in self.families if family.first is not None]
        if number <= len(firsts):
            family = firsts[number - 1]
            self._study.enqueue_trial(self._values(family, family.first))
        elif self.order is not None:
            family = self.families[0]
            self._study.enqueue_trial(self._values(family, family.combination(self.order[number - 1])))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study.sampler = self._sampler(number)
            trial = self._study.ask()
        if number > len(firsts):
            names = [family.algorithm.name for family in self.families]
            family = self.families[
                names.index(trial.suggest_categorical(ALGORITHM, names)) if len(names) > 1 else 0
            ]
        elif len(self.families) > 1:
            trial.suggest_categorical(ALGORITHM, [one.algorithm.name for one in self.families])
        params = {one.name: _suggest(trial, family, one) for one in family.ranges}
        return Suggestion(family, family.fixed | params, trial)

    def _sampler(self, number: int):
        seed = int(np.random.SeedSequence([self.entropy, number]).generate_state(1)[0])
        samplers = self._optuna.samplers
        if self.method == "tpe":
            return samplers.TPESampler(
                seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=len(self.families) == 1
            )
        return samplers.RandomSampler(seed=seed)

    def finish(self, suggestion: Suggestion, mean: float | None, *, is_complete: bool) -> None:
        """Tell the sampler how a suggested trial ended; without a mean it failed."""
        states = self._optuna.trial.TrialState
        state = states.FAIL if mean is None else states.COMPLETE if is_complete else states.PRUNED
        self._study.tell(suggestion._trial, mean if state == states.COMPLETE else None, state=state)

    def repeat(self, algorithm: str, params: dict) -> Suggestion:
        """A trial of an earlier attempt, as this study had it when it was suggested."""
        family = next(one for one in self.families if one.algorithm.name == algorithm)
        self._study.enqueue_trial(self._values(family, params))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study.sampler = self._optuna.samplers.RandomSampler()  # of nothing: all values are known
            trial = self._study.ask()
        if len(self.families) > 1:
            trial.suggest_categorical(ALGORITHM, [one.algorithm.name for one in self.families])
        for one in family.ranges:
            _suggest(trial, family, one)
        return Suggestion(family, params, trial)

    def finish_repeated(self, suggestion: Suggestion, scores: list[float], *, is_complete: bool) -> None:
        """As the earlier attempt has finished it: without scores it failed."""
        for count in range(1, len(scores) + 1):
            suggestion.is_hopeless(scores[:count])
        self.finish(suggestion, float(np.mean(scores)) if scores else None, is_complete=is_complete)

    def _values(self, family: Family, params: dict) -> dict:
        """Parameters as Optuna has them: with the name of the algorithm, and the position of a choice."""
        values = {
            _key(family, one): one.position(params[one.name]) if one.choices else params[one.name]
            for one in family.ranges
        }
        return values | ({ALGORITHM: family.algorithm.name} if len(self.families) > 1 else {})


def _key(family: Family, one: Range) -> str:
    return f"{family.algorithm.name}.{one.name}"


def _suggest(trial, family: Family, one: Range):
    key = _key(family, one)
    if one.choices:
        return one.choices[trial.suggest_categorical(key, list(range(len(one.choices))))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a range that is no multiple of its step
        if one.is_integer:
            return trial.suggest_int(key, one.low, one.high, log=one.log, step=int(one.step or 1))
        return trial.suggest_float(key, one.low, one.high, log=one.log, step=one.step)
