"""The networks of each framework that is installed."""

from functools import partial

import pytest

from registry.estimators import algorithms
from tests.registry.estimators import networks


@pytest.fixture(params=networks.EACH)
def framework(request):
    return request.param


@pytest.fixture
def algorithm(framework):
    """Finds the algorithm of a name without the prefix of its framework."""
    return lambda name: algorithms.find(f"{networks.PREFIXES[framework]}{name}")


@pytest.fixture
def fitted(algorithm):
    """Fits a network on rows, and turns warnings into errors."""
    return partial(networks.fit_rows, algorithm)
