"""What the program remembers between starts, in one file of the user's configuration. No Qt."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import TypeAdapter, ValidationError

from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically
from ui.words import translate

MOST_RECENT = 12
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Everything has a value that works; what is not known any more is left out when read."""

    theme: Literal["dark", "light"] = "dark"
    language: str = ""
    """A code of `ui.language.languages`; empty is the system's."""
    projects_folder: str = ""
    """Where new projects are put; empty is the documents folder."""
    exports_folder: str = ""
    """Empty is what `jukebox_studio.exports.exports_folder` says."""
    export_as_flac: bool = False
    output: str = ""
    """The audio device; empty is the system's."""
    latency_seconds: float = 0.0
    """Asked of the device; 0 is the player's own choice."""
    buffer_samples: int = 0
    is_matched: bool = True
    """Whether variants are heard as loud as the clip."""
    in_context: bool = True
    """Whether the clip is heard before and after a variant."""
    snap: str = "beat"
    follow_daw: bool = False
    mute_while_daw_plays: bool = True
    take_daw_tempo: bool = True
    """Whether a clip without a tempo takes the DAW's."""
    uses_bridge: bool = True
    uses_link: bool = False
    uses_midi: bool = False
    engine_threads: int = 0
    """0: all processors but one."""
    recent: tuple[str, ...] = ()
    """Folders of projects, the last one first."""
    was_toured: bool = False
    accepted_licences: tuple[str, ...] = ()
    """Names of noncommercial models whose licence was accepted."""
    favourites: tuple[str, ...] = ()
    """Artists."""
    model: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    """Keys that are not the usual ones, by action; see ui/shortcuts.py."""
    geometry: str = ""
    splitters: dict[str, str] = field(default_factory=dict)

    def with_recent(self, folder: Path) -> Settings:
        rest = [path for path in self.recent if path != str(folder)]
        return replace(self, recent=(str(folder), *rest)[:MOST_RECENT])


_SETTINGS = TypeAdapter(Settings)


def settings_path() -> Path:
    return platformdirs.user_config_path("jukebox-studio", appauthor=False) / "settings.json"


def read_settings(path: Path) -> tuple[Settings, str]:
    """The settings, and a sentence where some of them could not be read."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, ValueError) as error:
        return Settings(), _not_read(path, error)
    known = {name: data[name] for name in asdict(Settings()) if name in data}
    try:
        return _SETTINGS.validate_python(known), ""
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
        kept = {name: value for name, value in known.items() if name not in wrong}
        return _SETTINGS.validate_python(kept), _not_read(
            path, f"wrong: {', '.join(sorted(wrong))}"
        )


def write_settings(path: Path, settings: Settings) -> None:
    """Whole or not at all. Raises JukeboxError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JukeboxError(
            translate(
                "Settings", "The settings could not be kept: {0} cannot be made ({1})."
            ).format(path.parent, error.strerror or error)
        ) from error
    data: dict[str, Any] = _SETTINGS.dump_python(settings, mode="json")
    write_atomically(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def _not_read(path: Path, why: object) -> str:
    return translate(
        "Settings", "Some settings in {0} could not be read ({1}), so the usual ones count."
    ).format(path, why)
