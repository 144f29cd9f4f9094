"""The four roles and their permissions."""

# A role has its own permissions and those of every role above it in this list.
ROLES = {
    "viewer": {"view", "predict"},
    "data scientist": {"upload", "train", "promote_staging"},
    "release manager": {"promote_production", "delete"},
    "administrator": {"administer"},
}
# The error message when a permission is missing.
DENIED = {
    "view": "Your account has no role yet. Ask an administrator to assign one.",
    "predict": "Your account has no role yet. Ask an administrator to assign one.",
    "upload": "You don't have permission to upload or edit datasets. It requires the data scientist role.",
    "train": "You don't have permission to train models. It requires the data scientist role.",
    "promote_staging": "You don't have permission to change the live version in dev or staging. "
    "It requires the data scientist role.",
    "promote_production": "You don't have permission to change the live version in production. "
    "It requires the release manager role.",
    "delete": "You don't have permission to delete this. It requires the release manager role.",
    "administer": "You don't have permission to do this. It requires the administrator role.",
}


def permissions_of(user) -> frozenset[str]:
    """The user's permissions. One query per request: the result is cached on the user object."""
    if not user.is_active or user.is_anonymous:
        return frozenset()
    if user.is_superuser:
        return frozenset(DENIED)
    if not hasattr(user, "_permissions"):
        held = set(user.groups.values_list("name", flat=True))
        names = list(ROLES)
        highest = max((names.index(role) for role in held if role in ROLES), default=-1)
        user._permissions = frozenset().union(*(ROLES[role] for role in names[: highest + 1]))
    return user._permissions


def can(user, permission: str) -> bool:
    return permission in permissions_of(user)
