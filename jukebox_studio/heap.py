"""Memory that was freed, back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Without it glibc keeps what lies between what is still used: as much as a model's weights
    after they were packed, and what a level or the VQ-VAE worked with."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
