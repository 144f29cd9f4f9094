"""What a worker runs. The scheduler imports this too, so it imports nothing large."""

from collections.abc import Callable
from importlib import import_module


def load(content: bytes):
    """A value that was sent once, see Cluster.share()."""
    from distributed.protocol import deserialize_bytes

    return deserialize_bytes(content)


def call(path: str, *arguments):
    """Call the function of a dotted path."""
    module, _, name = path.rpartition(".")
    function: Callable = getattr(import_module(module), name)
    return function(*arguments)
