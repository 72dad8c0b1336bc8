"""What the window remembers of a project beside what the session keeps: nothing that is missed."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from jukebox_studio.files import write_atomically
from jukebox_studio.tempo_detection import TempoGuess

STATE_FILE = "window.json"
"""In the session's folder."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProjectState:
    clip_id: int | None = None
    """The clip that was worked on last."""
    guesses: dict[int, TempoGuess] = field(default_factory=dict)
    """By clip: tempos that were heard, and that nobody has confirmed."""


_STATE = TypeAdapter(ProjectState)


def read_state(folder: Path) -> ProjectState:
    """Empty where there is none that can be read."""
    try:
        return _STATE.validate_json((folder / STATE_FILE).read_bytes())
    except FileNotFoundError:
        return ProjectState()
    except (OSError, ValidationError) as error:
        _log.warning("%s: %s", folder / STATE_FILE, error)
        return ProjectState()


def write_state(folder: Path, state: ProjectState) -> None:
    """Raises JukeboxError where it cannot be written."""
    write_atomically(folder / STATE_FILE, _STATE.dump_json(state))
