"""The boosters inside an artifact, in the portable format of their library instead of its memory."""

import copyreg
import sys


def register() -> None:
    """Pickle XGBoost's boosters as UBJSON from now on, which other versions of XGBoost load, without our code.

    LightGBM's are pickled as the text of their model already.
    """
    if xgboost := sys.modules.get("xgboost"):
        copyreg.pickle(xgboost.Booster, _as_ubjson)


def _as_ubjson(booster) -> tuple:
    """How to construct it: a booster with these parameters, without rows, from this model."""
    return type(booster), ({"nthread": 1}, (), booster.save_raw("ubj"))
