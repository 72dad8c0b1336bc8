"""Packages that only the evaluation needs: the extra `evaluate`."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from jukebox_studio.errors import JukeboxError


def from_extra(name: str, what_for: str) -> Any:
    """A module of the extra. JukeboxError says how to install it where it is missing."""
    try:
        module: ModuleType = importlib.import_module(name)
    except ImportError as error:
        raise JukeboxError(
            f"{what_for} needs the Python package {name.partition('.')[0]}: run "
            "`pip install 'jukebox-studio[evaluate]'`, or leave that part out with --part."
        ) from error
    return module
