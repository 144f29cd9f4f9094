"""Deletions beside other processes, which add rows meanwhile."""

from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError
from django.db.models import ProtectedError

Result = TypeVar("Result")
ATTEMPTS = 3


def delete_with_new_rows(delete: Callable[[], Result]) -> Result:
    """Call `delete`, a transaction, again if a row that refers to what it deletes was added after it looked for them.

    Web processes add the usage of releases, and jobs what they have measured. Raises what `delete` raises.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return delete()
        except ProtectedError:
            raise
        except IntegrityError:
            continue
    return delete()
