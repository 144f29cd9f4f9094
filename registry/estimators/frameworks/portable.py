"""The models of optional frameworks inside an artifact, in a portable format instead of their library's memory."""

import copyreg
import operator
import sys

from registry.estimators.frameworks import extras


def register() -> None:
    """Pickle XGBoost's boosters as UBJSON from now on, which other versions of XGBoost load, without our code.

    LightGBM's are pickled as the text of their model already. Networks are pickled as estimators of scikit-learn.
    """
    if networks := sys.modules.get(extras.NETWORKS):
        for cls in networks.NETWORKS:
            copyreg.pickle(cls, _as_sklearn)
    if xgboost := sys.modules.get("xgboost"):
        copyreg.pickle(xgboost.Booster, _as_ubjson)


def _as_sklearn(network) -> tuple:
    """The first item of a tuple that has it: a pickle cannot name another object itself."""
    return operator.itemgetter(0), ((network.saved(),),)


def _as_ubjson(booster) -> tuple:
    """How to construct it: a booster with these parameters, without rows, from this model."""
    return type(booster), ({"nthread": 1}, (), booster.save_raw("ubj"))
