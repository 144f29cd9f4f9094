"""Array libraries that scikit-learn imports if they are installed, when its estimators are listed."""

import contextlib
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder

NAMES = ("torch", "cupy", "dask", "jax")


class _Hidden(MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname in NAMES:
            raise ModuleNotFoundError(f"{fullname} is hidden", name=fullname)


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """A block in which these packages cannot be imported. Entries of None in `sys.modules` would make scipy fail.

    `sklearn.utils.all_estimators` imports all packages of scikit-learn, and PyTorch takes 1.6 seconds and 200 MB.
    """
    finder = _Hidden()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
