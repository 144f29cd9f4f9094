"""The device of a fit: the GPU that DEVICE asks for if a framework can use it, else the CPU, with a warning."""

import warnings

from django.conf import settings

CPU, CUDA = "cpu", "cuda"


def requested() -> str:
    return settings.DEVICE


def of_torch(device: str) -> str:
    """The device to train on. PyTorch is imported by then."""
    import torch

    if device == CUDA and not torch.cuda.is_available():
        _warn("PyTorch")
        return CPU
    return device


def of_xgboost() -> str | None:
    """Its parameter `device`; None is the CPU. XGBoost itself goes back to the CPU if there is no GPU."""
    if requested() != CUDA:
        return None
    import xgboost

    if not xgboost.build_info().get("USE_CUDA"):
        _warn("XGBoost")
        return None
    return CUDA


def leave(estimator) -> None:
    """Let a fitted booster of XGBoost predict on the CPU, as it does once it is saved: a GPU rounds differently."""
    if requested() == CUDA and hasattr(estimator, "get_booster"):
        estimator.get_booster().set_param({"device": CPU})


def _warn(framework: str) -> None:
    warnings.warn(
        f"DEVICE is cuda, but {framework} cannot use such a device on this server; the model was fitted on the CPU.",
        UserWarning,
        stacklevel=3,
    )
