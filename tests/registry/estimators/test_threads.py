"""limited_to(): the threads of native code."""

import os
import subprocess
import sys

from threadpoolctl import threadpool_info

from registry.estimators import threads


def thread_counts() -> list[int]:
    return [library["num_threads"] for library in threadpool_info()]


def test_native_code_is_limited_within_the_block_only():
    before = thread_counts()
    with threads.limited_to(2):
        assert thread_counts() == [2] * len(before)
    assert thread_counts() == before


def test_a_library_that_is_imported_after_the_first_block_is_limited_too():
    script = """from threadpoolctl import threadpool_info
from registry.estimators import threads
with threads.limited_to(1): assert threadpool_info() == []
import numpy
with threads.limited_to(1): print([library["num_threads"] for library in threadpool_info()])"""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.stdout == "[1]\n", done.stderr
