"""The quota of a user's files. Each app says what it stores for a user, in the setting STORED_BY_USER."""

from django.conf import settings
from django.utils.module_loading import import_string

from mlplatform.errors import TooLarge

MB = 1024**2


def check(user, size: int) -> None:
    """Raise TooLarge if a user's files would exceed USER_QUOTA_MB with one more of `size` bytes."""
    quota = settings.USER_QUOTA_MB
    if not quota or user is None:
        return
    used = sum(import_string(path)(user) for path in settings.STORED_BY_USER)
    if used + size > quota * MB:
        raise TooLarge(
            f"The files of {user.get_username()} use {used / MB:,.1f} MB of {quota:,} MB; this one has "
            f"{size / MB:,.1f} MB. Delete scoring jobs or datasets, or ask an operator for more.",
            code="quota_exceeded",
        )
