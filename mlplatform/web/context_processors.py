from mlplatform.auth.roles import DENIED, permissions_of

SECTIONS = {
    "/catalog/": "catalog",
    "/registry/train/": "train",
    "/registry/jobs/": "jobs",
    "/registry/models/": "models",
    "/serving/": "serving",
    "/docs": "docs",
}


def page(request) -> dict:
    """Adds `user_can` (such as `user_can.upload`) and `nav`, the current section of the navigation."""
    user = getattr(request, "user", None)
    held = permissions_of(user) if user is not None else frozenset()
    sections = (name for start, name in SECTIONS.items() if request.path_info.startswith(start))
    nav = "home" if request.path_info == "/" else next(sections, "")
    return {"user_can": {permission: permission in held for permission in DENIED}, "nav": nav}
