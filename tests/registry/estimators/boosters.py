"""The optional frameworks that are installed and grow trees."""

from registry.estimators.frameworks import extras

INSTALLED = [name for name in ("xgboost", "lightgbm", "catboost") if name in extras.installed()]
