"""Tests as on a server without the optional frameworks."""

import sys
from functools import cache

from registry.estimators import algorithms
from registry.estimators.frameworks import extras


def hide(monkeypatch) -> None:
    """From now on none is installed: Python finds no module whose entry is None.

    Of PyTorch it is skorch that is missing, since scipy fails at such an entry of PyTorch.
    """
    for name in extras.FRAMEWORKS:
        monkeypatch.setitem(sys.modules, "skorch" if name == "torch" else name, None)
    monkeypatch.setattr(algorithms, "_all_algorithms", cache(algorithms._all_algorithms.__wrapped__))
