"""The optional frameworks that are installed and grow trees."""

from registry.estimators.frameworks import extras

INSTALLED = [name for name in extras.installed() if not extras.FRAMEWORKS[name].is_network]
