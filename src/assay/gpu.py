"""Whether a GPU can be used here, and in one sentence why not. Standard library only."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")
_DRIVER = "libcuda.so.1"
_NONE = 100


def missing() -> str:
    """Why no GPU can be used here; empty where one can."""
    if not any(Path(device).exists() for device in _DEVICES):
        return "there is no NVIDIA device here: no GPU, no driver on the host, or none was given to the container"
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return f"there is a device but no driver library ({_DRIVER}): the container was not given the host's driver"
    if code := driver.cuInit(0):
        told = "it finds no device that may be used" if code == _NONE else f"CUDA error {code}"
        return f"the driver does not start: {told}; nvidia-smi tells more"
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    return "" if count.value else "the driver sees no device; is CUDA_VISIBLE_DEVICES empty?"


def require(stages: Iterable[str]) -> None:
    """Refuse to go on where `stages` ask for a GPU and there is none.

    Raises:
        ConfigError: Says why none can be used.
    """
    for stage in stages:
        if why := missing():
            raise ConfigError(
                f"{stage} asks for a GPU, and {why}",
                f"pyproject.toml tool.assay.resources.{stage}.gpu",
                next="run on a host with one (Dagger: start its engine with _EXPERIMENTAL_DAGGER_GPU_SUPPORT=1)",
            )
