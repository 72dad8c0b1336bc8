"""Numbers of a long measurement, kept piece by piece, so that an interrupted one goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from jukebox_studio.files import write_atomically

_PIECES = TypeAdapter(dict[str, dict[str, float]])
_WRITE_EVERY = 8


def settings_key(**settings: Any) -> str:
    """A short name for everything that numbers depend on."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Kept:
    """A JSON file of {piece: {number: value}}. One that cannot be read counts as empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pieces: dict[str, dict[str, float]] = {}
        self._new = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError, ValidationError):
            self.pieces = _PIECES.validate_json(path.read_bytes())

    def of(self, piece: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        """What is kept of a piece, measured now where nothing is."""
        if piece not in self.pieces:
            self.add(piece, measure())
        return self.pieces[piece]

    def add(self, piece: str, values: dict[str, float]) -> None:
        if piece in self.pieces:
            return
        self.pieces[piece] = values
        self._new += 1
        if self._new % _WRITE_EVERY == 0:
            self.write()

    def write(self) -> None:
        write_atomically(self.path, json.dumps(self.pieces).encode())
